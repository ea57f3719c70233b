// SPDX-License-Identifier: Apache-2.0
#include "dns/resolv_conf.h"

#include "base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace kt::dns {
namespace {

namespace ip = boost::asio::ip;

// musl (1.2) skips a line that is longer than its buffer of 256 bytes, newline and zero included.
constexpr std::size_t longest_musl_line = 254;

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

std::string_view take_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\r\f\v";
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
    words.push_back(word);
  }
  return words;
}

std::vector<Name> names_of(const std::vector<std::string_view>& words) {
  std::vector<Name> names;
  for (const std::string_view word : words) {
    // "search ." means no search list (systemd-resolved writes it).
    if (const std::optional<Name> name = Name::from_text(word); name && name->label_count() > 0) {
      names.push_back(*name);
    }
  }
  return names;
}

void add_nameserver(ResolvConf& conf, std::string_view word) {
  boost::system::error_code ec;
  const ip::address address = ip::make_address(word, ec);
  if (!ec) {
    conf.nameservers.push_back(address);
  }
}

void parse_line(ResolvConf& conf, std::string_view line) {
  const std::string_view keyword = take_word(line);
  const std::vector<std::string_view> words = words_of(line);
  if (words.empty()) {
    return;
  }
  if (keyword == "nameserver") {
    add_nameserver(conf, words[0]);
  } else if (keyword == "search") {
    conf.search = names_of(words);
  } else if (keyword == "domain") {
    conf.search = names_of({words[0]});
  } else if (keyword == "options") {
    conf.options.insert(conf.options.end(), words.begin(), words.end());
  }
}

void append_unless_there(std::vector<Name>& names, const Name& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    names.push_back(name);
  }
}

// The search line, in front of it a shorter one when it is too long for musl: the last line that a
// resolver can read is the one that counts, for all of them.
std::string search_lines(const std::vector<Name>& search) {
  std::string line = "search";
  std::string short_line;
  for (const Name& name : search) {
    const std::string word = ' ' + name.to_text();
    if (short_line.empty() && line.size() + word.size() > longest_musl_line) {
      short_line = line + '\n';
    }
    line += word;
  }
  return short_line + line + '\n';
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  while (!text.empty()) {
    parse_line(conf, take_line(text));
  }
  return conf;
}

std::string resolv_conf_text(const ResolvConf& conf) {
  std::string text;
  for (const ip::address& nameserver : conf.nameservers) {
    text += fmt::format("nameserver {}\n", nameserver.to_string());
  }
  if (!conf.search.empty()) {
    text += search_lines(conf.search);
  }
  if (!conf.options.empty()) {
    text += fmt::format("options {}\n", fmt::join(conf.options, " "));
  }
  return text;
}

ResolvConf pod_resolv_conf(std::string_view pod_namespace, const Name& cluster_domain,
                           const ResolvConf& laptop, ip::address nameserver) {
  const std::optional<Name> first = Name::from_text(fmt::format("{}.svc", pod_namespace));
  if (!first || first->label_count() != 2) {
    throw Error(ErrorKind::usage,
                fmt::format("namespace '{}': not the name of a namespace", pod_namespace));
  }
  ResolvConf conf{{nameserver}, {}, {"ndots:5"}};
  for (const Name& prefix : {*first, first->parent(), Name()}) {
    if (const std::optional<Name> name = Name::join(prefix, cluster_domain)) {
      append_unless_there(conf.search, *name);
    }
  }
  for (const Name& name : laptop.search) {
    append_unless_there(conf.search, name);
  }
  return conf;
}

}  // namespace kt::dns
