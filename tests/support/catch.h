// SPDX-License-Identifier: Apache-2.0
// The only place that names Catch2, so that version 3 is one edit.
#pragma once

#include <catch2/catch.hpp>
