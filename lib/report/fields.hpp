#pragma once
// What one line of a log says: an ordered list of name and value.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vox::report {

/// A number, a whole number, a text, or a number per rank.
using Value = std::variant<double, int64_t, std::string, std::vector<double>>;

struct Field {
    Field(std::string name, double value) : name(std::move(name)), value(value) {}
    Field(std::string name, int64_t value) : name(std::move(name)), value(value) {}
    Field(std::string name, int value) : name(std::move(name)), value(int64_t{value}) {}
    Field(std::string name, std::string value) : name(std::move(name)), value(std::move(value)) {}
    Field(std::string name, const char* value) : name(std::move(name)), value(std::string(value)) {}
    Field(std::string name, std::vector<double> value) : name(std::move(name)), value(std::move(value)) {}
    Field(std::string name, std::initializer_list<double> values) : name(std::move(name)), value(std::vector(values)) {}

    std::string name;
    Value value;
};

/// In the order in which they are written.  A slash makes a group, as in TensorBoard: "loss/dice", "dice/TC".
///
/// The report draws these names of a `step` line:  loss, loss/<term>, lr (or lr/<group>), grad_norm, samples_per_second
/// (list: one a rank), data_wait_share (0..1, a number or one a rank), memory_bytes (a number or one a rank), step_seconds,
/// epoch; and of a `validation` line:  dice (mean), dice/<region>, loss, and any other number as a curve of its own.
using Fields = std::vector<Field>;

}  // namespace vox::report
