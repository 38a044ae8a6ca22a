#pragma once
// Places where a test may let the program die.

#include <string_view>

namespace vox::core {

/// Marks a moment at which a crash must do no harm ("checkpoint:before_rename").  Does nothing.  A test program that
/// defines this function itself replaces the body at link time (the library's one lies in an object of its own), so
/// that the code under test is the shipped object file.
void fault_point(std::string_view name);

}  // namespace vox::core
