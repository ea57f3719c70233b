// SPDX-License-Identifier: Apache-2.0
#include "ssh/key_pair.h"
#include "support/catch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

using namespace kt;

namespace {

// A private file in a folder of its own that goes away.
class PrivateFile {
 public:
  explicit PrivateFile(const std::string& text) {
    std::string name = std::filesystem::temp_directory_path() / "kt-key-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    std::ofstream(path()) << text;
    ::chmod(path().c_str(), 0600);
  }
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;
  ~PrivateFile() { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path() const { return folder_ / "key"; }

 private:
  std::filesystem::path folder_;
};

std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 1024> text{};
  const std::size_t count = std::fread(text.data(), 1, text.size(), pipe);
  ::pclose(pipe);
  return {text.data(), count};
}

}  // namespace

TEST_CASE("two generated keys differ") {
  CHECK(ssh::KeyPair::generate().public_key() != ssh::KeyPair::generate().public_key());
}

TEST_CASE("a public key's line has the type, the wire form in base64, and the comment") {
  ssh::PublicKey key{};
  CHECK(
      ssh::authorized_key(key, "me@laptop") ==
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA me@laptop");
}

TEST_CASE("ssh-keygen derives the same public key from the private key file") {
  // Comments of every length modulo the padding of eight.
  const std::string comment = GENERATE(as<std::string>{}, "", "a", "kt run", "1234567", "12345678");
  const ssh::KeyPair pair = ssh::KeyPair::generate();
  const PrivateFile file(pair.private_key_file(comment));
  const std::string derived = output_of("ssh-keygen -y -f " + file.path());
  const std::string line = ssh::authorized_key(pair.public_key(), comment);
  CHECK(derived == (comment.empty() ? line.substr(0, line.size() - 1) : line) + "\n");
}

TEST_CASE("a moved key pair signs as before, and differently for another message") {
  ssh::KeyPair first = ssh::KeyPair::generate();
  const ssh::Signature before = first.sign(as_bytes("message"));
  const ssh::KeyPair second = std::move(first);
  CHECK(second.sign(as_bytes("message")) == before);
  CHECK(second.sign(as_bytes("another")) != before);
}
