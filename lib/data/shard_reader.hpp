#pragma once
// Reading cases out of a folder of shards (dataset.json and *.h5), without HDF5 in the loop: chunk offsets are indexed once,
// then chunks are read with pread, checked, decoded and copied by the calling thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/cache_plan.hpp"
#include "data/case_info.hpp"
#include "data/chunk_store.hpp"
#include "data/folds.hpp"
#include "data/label_scheme.hpp"

namespace vox::data {

/// Foreground voxels of one label value, as flat indices into [D,H,W]: a bounded, evenly strided selection.
struct ForegroundPositions {
    int label = 0;
    std::vector<uint32_t> flat;
};

/// A data set on disk.  Opening reads dataset.json and every shard's structure (attributes, chunk tables), no voxels, and
/// checks sizes, types, filters and format version against limits.  Throws DataError naming file and case.
/// All reading functions are const and may be called from several threads at once.
class ShardReader {
public:
    /// `chunk_cache_bytes` > 0 keeps decoded chunks, least recently used dropped first, up to that many bytes.
    /// `folds`: the splits of a run of a cross-validation, see `assign_folds`.
    explicit ShardReader(const std::filesystem::path& folder, size_t chunk_cache_bytes = 0, const Folds& folds = {});
    /// Before anything is read: this store keeps decoded chunks instead.
    void keep_in(std::unique_ptr<ChunkStore> store);
    /// Before anything is read: these cases are in no split.
    void leave_out(std::span<const size_t> cases);
    /// Everything that is chunked, for who plans what to keep.
    std::vector<StoredArray> arrays() const;
    ~ShardReader();
    ShardReader(const ShardReader&) = delete;

    const std::vector<CaseInfo>& cases() const;
    const LabelScheme& scheme() const;
    const std::vector<std::string>& channel_names() const;
    /// How the files came to one grid.  `infer` gives new files to `build_resampled_case` with it.
    const CommonGrid& common_grid() const;
    /// What views every case has; empty: none.
    const ViewSet& views() const;
    /// Indices into `cases()` of "train", "val" or "test", in the order of dataset.json: those of `folds`, where there are any.
    std::vector<size_t> split(const std::string& name) const;
    const Folds& folds() const;
    /// XXH3-64 of dataset.json's content, in hex: what a checkpoint remembers of its data.
    const std::string& digest() const;

    /// out [C,d,h,w], after slope and intercept.  The box must lie inside the case.  Throws DataError naming file, case and
    /// chunk where a checksum is wrong.  `epoch` of training's order decides what is kept, where that changes by epoch, and no value.
    void read_image(size_t case_index, const core::Box& box, std::span<float> out, int64_t epoch = kNoEpoch) const;
    /// out [d,h,w].
    void read_label(size_t case_index, const core::Box& box, std::span<uint8_t> out, int64_t epoch = kNoEpoch) const;
    /// out [V,h,w] of `views()`.  A case always has them all.
    void read_views(size_t case_index, std::span<float> out, int64_t epoch = kNoEpoch) const;
    const std::vector<ForegroundPositions>& foreground(size_t case_index) const;  // one entry a label value, 0 has none

    struct Counters {
        int64_t chunks_decoded = 0, cache_hits = 0, bytes_read = 0;
        size_t cache_bytes = 0, cache_peak_bytes = 0, cache_budget_bytes = 0;  // of the rank's cache, or of its node's
    };
    Counters counters() const;

    /// Reads and checks every chunk of every case; one message a problem (file, case, chunk), empty where all is well.
    std::vector<std::string> verify() const;

    /// The stored (unscaled) voxels of one channel, in the shard's type, [D,H,W]; and of the label.
    std::vector<std::byte> read_stored(size_t case_index, int64_t channel) const;
    /// The case's files as they were: geometry, type, axis order; the label last where there is one.  Of a resampled case: the
    /// volumes as stored, on the stored grid in RAS order.  Label maps of a model go to the files' grid by `restore_label_map`
    /// (case_grid.hpp).
    std::vector<std::pair<std::string, NiftiImage>> restore(size_t case_index) const;

private:
    std::vector<std::pair<std::string, NiftiImage>> stored_volumes(size_t case_index) const;

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace vox::data
