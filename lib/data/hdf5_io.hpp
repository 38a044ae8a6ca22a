#pragma once
// The little of HDF5 that shards use: owned identifiers, typed attributes and small datasets, read strictly.
// Only the thread that opens or writes shards calls this; it needs no HDF5 header.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vox::data::hdf5 {

using Id = int64_t;  // hid_t

/// Owns one HDF5 identifier.
class Handle {
public:
    Handle() = default;
    Handle(Id id, int (*close)(Id)) : id_(id), close_(close) {}
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    ~Handle() { reset(); }

    bool valid() const { return id_ >= 0; }
    operator Id() const { return id_; }
    /// Closes now; false where HDF5 reports that closing (and so perhaps writing) failed.
    bool reset() { return !valid() || close_(std::exchange(id_, -1)) >= 0; }

private:
    Id id_ = -1;
    int (*close_)(Id) = nullptr;
};

/// Loads no plugin, prints no error stack.  Call before anything else of HDF5 in a thread.
void prepare_library();

using Shape = std::vector<uint64_t>;

// Writing; each throws WriteError naming `what`.
void put(Id object, const char* name, std::span<const double> values, const Shape& shape);
void put(Id object, const char* name, std::span<const int64_t> values, const Shape& shape);
void put(Id object, const char* name, std::span<const std::string> values);
void put(Id object, const char* name, const std::string& value);
void put_dataset(Id group, const std::string& name, std::span<const uint32_t> values, const Shape& shape);
void put_dataset(Id group, const std::string& name, std::span<const uint64_t> values, const Shape& shape);
void put_dataset(Id group, const std::string& name, const std::string& bytes);  // uint8 [bytes]

/// Reads attributes and small datasets of one object.  Everything throws DataError that starts with `where` and says what
/// was expected, before memory is taken.
class StrictReader {
public:
    StrictReader(Id object, std::string where) : object_(object), where_(std::move(where)) {}

    /// `shape` must match; without one, any one-dimensional length up to `limit`.
    std::vector<double> doubles(const char* name, const Shape& shape) const;
    std::vector<double> doubles(const char* name, size_t columns, size_t limit) const;  // [n, columns], n <= limit
    std::vector<int64_t> integers(const char* name, const Shape& shape) const;
    std::vector<int64_t> integers(const char* name, size_t limit) const;
    int64_t integer(const char* name) const { return integers(name, Shape{1}).front(); }
    std::vector<std::string> texts(const char* name) const;
    std::string text(const char* name) const;

    /// Datasets inside this group: contiguous, not filtered, not linked from elsewhere.
    std::vector<uint64_t> dataset_u64(const std::string& name, const Shape& shape) const;
    std::vector<uint32_t> dataset_u32(const std::string& name, const Shape& shape) const;
    std::string dataset_bytes(const std::string& name, size_t limit) const;  // uint8, 1 to `limit` of them

    [[noreturn]] void fail(const std::string& why) const;
    const std::string& where() const { return where_; }

private:
    template <class T>
    std::vector<T> attribute(const char* name, Id type, const std::optional<Shape>& shape, size_t columns,
                             size_t limit) const;
    template <class T>
    std::vector<T> dataset(const std::string& name, Id type, const Shape& shape) const;

    Id object_;
    std::string where_;
};

/// Opens an object of `group` that is linked hard inside the same file.  Throws DataError (`where` in front) where it is
/// missing, or a soft, external or user-defined link.
Handle open_group(Id group, const std::string& name, const std::string& where);
Handle open_dataset(Id group, const std::string& name, const std::string& where);
/// What may be absent.  Throw DataError (`where` in front) where the object is too damaged to tell.
bool has_link(Id group, const std::string& name, const std::string& where);
bool has_attribute(Id object, const char* name, const std::string& where);

}  // namespace vox::data::hdf5
