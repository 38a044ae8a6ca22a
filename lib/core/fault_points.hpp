#pragma once
// Places where a test may let the program die, stand still, or find spoilt memory.

#include <cstddef>
#include <span>
#include <string_view>

namespace vox::core {

/// Marks a moment at which a fault must do no harm ("checkpoint:before_rename"); `memory` is what a fault may spoil there.
/// Does nothing.  A test program that defines this function itself replaces the body at link time (the library's one lies in
/// an object of its own), so that the code under test is the shipped object file.
void fault_point(std::string_view name, std::span<std::byte> memory = {});

}  // namespace vox::core
