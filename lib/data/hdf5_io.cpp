#include "data/hdf5_io.hpp"

#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <type_traits>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/shard_format.hpp"

namespace vox::data::hdf5 {
namespace {

using core::concat;
using core::DataError;
using core::WriteError;

static_assert(std::is_same_v<hid_t, Id>);

uint64_t product(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), uint64_t{1}, std::multiplies<>());
}

Handle simple_space(const Shape& shape) {
    const std::vector<hsize_t> dims(shape.begin(), shape.end());
    return {H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), &H5Sclose};
}

/// Fixed-length UTF-8, padded with zeros: the kind of text that every HDF5 reader understands.
Handle text_type(size_t bytes) {
    Handle type(H5Tcopy(H5T_C_S1), &H5Tclose);
    H5Tset_size(type, bytes);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

void put_attribute(Id object, const char* name, Id file_type, Id memory_type, const void* values, const Shape& shape) {
    const Handle space = simple_space(shape);
    const Handle attribute(H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT), &H5Aclose);
    if (!attribute.valid() || (product(shape) > 0 && H5Awrite(attribute, memory_type, values) < 0)) {
        throw WriteError(concat("HDF5 cannot write the attribute '", name, "'"));
    }
}

void put_dataset_of(Id group, const std::string& name, Id type, const void* values, const Shape& shape) {
    const Handle space = simple_space(shape);
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), &H5Pclose);
    H5Pset_obj_track_times(properties, false);
    const Handle dataset(H5Dcreate2(group, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), &H5Dclose);
    if (!dataset.valid() ||
        (product(shape) > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)) {
        throw WriteError(concat("HDF5 cannot write the dataset '", name, "'"));
    }
}

Shape shape_of(Id space) {
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 0 || rank > 8) return {};
    std::vector<hsize_t> dims(static_cast<size_t>(rank));
    H5Sget_simple_extent_dims(space, dims.data(), nullptr);
    return {dims.begin(), dims.end()};
}

std::string show(const Shape& shape) { return concat('[', core::join(shape, ","), ']'); }

bool found(htri_t answer, const std::string& name, const std::string& where) {
    if (answer < 0)
        throw DataError(concat(where, ": whether there is '", name, "' cannot be read: the file is damaged"));
    return answer > 0;
}

void require_hard_link(Id group, const std::string& name, const std::string& where) {
    if (!has_link(group, name, where)) throw DataError(concat(where, ": '", name, "' is missing"));
    H5L_info_t info{};
    if (H5Lget_info(group, name.c_str(), &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD) {
        throw DataError(concat(where, ": '", name, "' is a link to elsewhere, which shards must not hold"));
    }
}

}  // namespace

void prepare_library() {
    H5open();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5PLset_loading_state(0);
}

void put(Id object, const char* name, std::span<const double> values, const Shape& shape) {
    put_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values.data(), shape);
}

void put(Id object, const char* name, std::span<const int64_t> values, const Shape& shape) {
    put_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, values.data(), shape);
}

void put(Id object, const char* name, std::span<const std::string> values) {
    size_t width = 1;
    for (const auto& value : values) width = std::max(width, value.size());
    if (width > format::kMaxTextBytes || values.size() > format::kMaxTexts) {
        throw WriteError(concat("the texts of '", name, "' are too long (", format::kMaxTexts, " texts of ",
                                format::kMaxTextBytes, " bytes are possible)"));
    }
    std::vector<char> padded(width * values.size(), '\0');
    for (size_t i = 0; i < values.size(); ++i) std::copy(values[i].begin(), values[i].end(), &padded[i * width]);
    const Handle type = text_type(width);
    put_attribute(object, name, type, type, padded.data(), {values.size()});
}

void put(Id object, const char* name, const std::string& value) { put(object, name, std::span(&value, 1)); }

void put_dataset(Id group, const std::string& name, std::span<const uint32_t> values, const Shape& shape) {
    put_dataset_of(group, name, H5T_STD_U32LE, values.data(), shape);
}

void put_dataset(Id group, const std::string& name, std::span<const uint64_t> values, const Shape& shape) {
    put_dataset_of(group, name, H5T_STD_U64LE, values.data(), shape);
}

void put_dataset(Id group, const std::string& name, const std::string& bytes) {
    put_dataset_of(group, name, H5T_STD_U8LE, bytes.data(), {bytes.size()});
}

void StrictReader::fail(const std::string& why) const { throw DataError(concat(where_, ": ", why)); }

template <class T>
std::vector<T> StrictReader::attribute(const char* name, Id type, const std::optional<Shape>& shape, size_t columns,
                                       size_t limit) const {
    if (!has_attribute(object_, name, where_)) fail(concat("the attribute '", name, "' is missing"));
    const Handle opened(H5Aopen(object_, name, H5P_DEFAULT), &H5Aclose);
    if (!opened.valid()) fail(concat("the attribute '", name, "' cannot be opened"));
    const Handle found_type(H5Aget_type(opened), &H5Tclose);
    const Handle space(H5Aget_space(opened), &H5Sclose);
    if (H5Tequal(found_type, type) <= 0)
        fail(concat("the attribute '", name, "' has another type than the format says"));
    const Shape found = shape_of(space);
    if (shape ? found != *shape : found.empty() || found[0] > limit || product(found) != found[0] * columns) {
        fail(concat("the attribute '", name, "' has shape ", show(found), shape ? concat(", not ", show(*shape)) : ""));
    }
    std::vector<T> values(product(found));
    if (!values.empty() && H5Aread(opened, type, values.data()) < 0) {
        fail(concat("the attribute '", name, "' cannot be read"));
    }
    return values;
}

std::vector<double> StrictReader::doubles(const char* name, const Shape& shape) const {
    return attribute<double>(name, H5T_IEEE_F64LE, shape, 1, 0);
}
std::vector<double> StrictReader::doubles(const char* name, size_t columns, size_t limit) const {
    return attribute<double>(name, H5T_IEEE_F64LE, std::nullopt, columns, limit);
}
std::vector<int64_t> StrictReader::integers(const char* name, const Shape& shape) const {
    return attribute<int64_t>(name, H5T_STD_I64LE, shape, 1, 0);
}
std::vector<int64_t> StrictReader::integers(const char* name, size_t limit) const {
    return attribute<int64_t>(name, H5T_STD_I64LE, std::nullopt, 1, limit);
}

std::vector<std::string> StrictReader::texts(const char* name) const {
    if (!has_attribute(object_, name, where_)) fail(concat("the attribute '", name, "' is missing"));
    const Handle opened(H5Aopen(object_, name, H5P_DEFAULT), &H5Aclose);
    if (!opened.valid()) fail(concat("the attribute '", name, "' cannot be opened"));
    const Handle type(H5Aget_type(opened), &H5Tclose);
    const Handle space(H5Aget_space(opened), &H5Sclose);
    const size_t width = H5Tget_size(type);
    const Shape shape = shape_of(space);
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0 || width == 0 ||
        width > format::kMaxTextBytes || shape.size() != 1 || shape[0] > format::kMaxTexts) {
        fail(concat("the attribute '", name, "' is not a list of fixed-length texts"));
    }
    std::vector<char> padded(width * shape[0]);
    if (!padded.empty() && H5Aread(opened, type, padded.data()) < 0) {
        fail(concat("the attribute '", name, "' cannot be read"));
    }
    std::vector<std::string> values;
    for (size_t i = 0; i < shape[0]; ++i) {
        values.emplace_back(&padded[i * width], strnlen(&padded[i * width], width));
    }
    return values;
}

std::string StrictReader::text(const char* name) const {
    const auto values = texts(name);
    if (values.size() != 1) fail(concat("the attribute '", name, "' has ", values.size(), " texts, not 1"));
    return values.front();
}

template <class T>
std::vector<T> StrictReader::dataset(const std::string& name, Id type, const Shape& shape) const {
    const Handle opened = open_dataset(object_, name, where_);
    const Handle found_type(H5Dget_type(opened), &H5Tclose);
    const Handle space(H5Dget_space(opened), &H5Sclose);
    const Handle properties(H5Dget_create_plist(opened), &H5Pclose);
    const Shape found = shape_of(space);
    if (H5Tequal(found_type, type) <= 0 || found != shape) {
        fail(concat("the dataset '", name, "' has shape ", show(found), " or a type that do not fit, expected ",
                    show(shape)));
    }
    if (H5Pget_layout(properties) != H5D_CONTIGUOUS || H5Pget_external_count(properties) != 0 ||
        H5Dget_storage_size(opened) != product(shape) * sizeof(T)) {
        fail(concat("the dataset '", name, "' is not stored contiguously inside the shard"));
    }
    std::vector<T> values(product(shape));
    if (!values.empty() && H5Dread(opened, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) {
        fail(concat("the dataset '", name, "' cannot be read"));
    }
    return values;
}

std::vector<uint64_t> StrictReader::dataset_u64(const std::string& name, const Shape& shape) const {
    return dataset<uint64_t>(name, H5T_STD_U64LE, shape);
}
std::vector<uint32_t> StrictReader::dataset_u32(const std::string& name, const Shape& shape) const {
    return dataset<uint32_t>(name, H5T_STD_U32LE, shape);
}
std::string StrictReader::dataset_bytes(const std::string& name, size_t limit) const {
    const Handle opened = open_dataset(object_, name, where_);
    const Handle space(H5Dget_space(opened), &H5Sclose);
    const Shape shape = shape_of(space);
    if (shape.size() != 1 || shape[0] < 1 || shape[0] > limit)
        fail(concat("the dataset '", name, "' has shape ", show(shape), ", expected 1 to ", limit, " bytes"));
    const auto bytes = dataset<uint8_t>(name, H5T_STD_U8LE, shape);
    return {bytes.begin(), bytes.end()};
}

bool has_link(Id group, const std::string& name, const std::string& where) {
    return found(H5Lexists(group, name.c_str(), H5P_DEFAULT), name, where);
}
bool has_attribute(Id object, const char* name, const std::string& where) {
    return found(H5Aexists(object, name), name, where);
}

Handle open_group(Id group, const std::string& name, const std::string& where) {
    require_hard_link(group, name, where);
    Handle opened(H5Gopen2(group, name.c_str(), H5P_DEFAULT), &H5Gclose);
    if (!opened.valid()) throw DataError(concat(where, ": '", name, "' is not a group or is damaged"));
    return opened;
}

Handle open_dataset(Id group, const std::string& name, const std::string& where) {
    require_hard_link(group, name, where);
    Handle opened(H5Dopen2(group, name.c_str(), H5P_DEFAULT), &H5Dclose);
    if (!opened.valid()) throw DataError(concat(where, ": '", name, "' is not a dataset or is damaged"));
    return opened;
}

}  // namespace vox::data::hdf5
