// SPDX-License-Identifier: Apache-2.0
// A table as kubectl prints it: columns left-aligned, three spaces between them, no lines.
#pragma once

#include <string>
#include <vector>

namespace kt::cli {

using Row = std::vector<std::string>;

// The first row has the headings. Empty cells become <none>; bytes that could steer a terminal `?`.
[[nodiscard]] std::string table(const std::vector<Row>& rows);

// "0 B", "999 B", "1.2 kB", "35 MB" (powers of 1000).
[[nodiscard]] std::string render_bytes(unsigned long long bytes);

}  // namespace kt::cli
