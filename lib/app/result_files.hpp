#pragma once
// What programs that write a result for each case have in common: where cases come from, whose rank makes which, where results go.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/world.hpp"
#include "data/batch.hpp"
#include "data/case_data.hpp"
#include "data/layouts.hpp"
#include "data/resize.hpp"
#include "data/shard_reader.hpp"
#include "data/transforms.hpp"
#include "infer/predictor.hpp"

namespace vox::app {

struct ResultFolders {
    std::filesystem::path input, output;
};

/// What a model takes of a case.
struct CaseDemands {
    std::vector<std::string> channels;  // in the model's order
    int64_t may_lack = 0;  // so many of them a case of NIfTI files need not have: they are 0 everywhere
    data::CommonGrid grid;  // onto which NIfTI files come
    data::Intensities intensities;
    data::Resize resize{};  // of whole cases; nothing: as they are
};

/// How messages name a result.
struct ResultWords {
    std::string doing, done, result;  // "segmenting", "segmented", "label map"
};

/// The cases of a folder of shards, or all that data::list_for_model finds in one of NIfTI files.
class InputCases {
public:
    /// All ranks: lists the cases, and makes the output folder.  Throws DataError where the shards hold other channels than the
    /// model's, or a case lacks more than it may, before any result is made; UsageError where results would overwrite the input.
    InputCases(comm::World& world, const ResultFolders& folders, CaseDemands demands);

    size_t size() const { return ids_.size(); }
    const std::vector<std::string>& ids() const { return ids_; }
    /// All ranks: `make` gets each case on its rank, as the network sees it.  A case whose files are damaged does not keep the
    /// others from their result: rank 0 throws DataError naming all such cases at the end.
    void each(comm::World& world, const ResultWords& words, const std::function<void(const data::Sample&)>& make) const;

private:
    void read(size_t index, const std::function<void(const data::Sample&)>& make) const;

    CaseDemands demands_;
    std::vector<std::string> ids_;
    std::unique_ptr<data::ShardReader> reader_;  // of shards
    std::vector<data::CaseFiles> files_;  // of NIfTI files: the model's channels in the model's order
};

/// All ranks: `make(i)` for each case of this rank, the ids being the same on all.  A case that throws DataError does not keep the others
/// from their result: rank 0 throws DataError naming all such cases at the end.
void each_case(comm::World& world, const std::vector<std::string>& ids, const ResultWords& words,
               const std::function<void(size_t)>& make);

/// One rank: makes the output folder.  Throws UsageError where it is the input.
void make_output(const ResultFolders& folders);

/// Any rank: each volume that is predicted of a case, as <case>_<name>.nii.gz on the grid of its files.
void write_volumes(const ResultFolders& folders, infer::Predictor& predictor, const data::Sample& sample);

/// Throws DataError unless the shards hold the model's channels in the model's order.
void check_channels(const data::ShardReader& reader, const std::filesystem::path& shards,
                    const std::vector<std::string>& channels);

}  // namespace vox::app
