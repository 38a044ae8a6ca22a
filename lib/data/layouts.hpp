#pragma once
// Folders of NIfTI files as the converter finds them: which files make which case.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vox::data {

/// The files of one case.
struct CaseFiles {
    struct Channel {
        std::string name;
        std::filesystem::path file;  // empty: the case lacks it, and it is 0 everywhere
        int64_t volume = -1;  // which volume of a 4-D file; -1: the file is one volume
        int64_t volumes = 1;  // how many volumes a 4-D file must hold
    };
    std::string id;
    std::vector<Channel> channels;  // in the data set's order
    std::optional<std::filesystem::path> label;
    std::string problem;  // why the case cannot be converted ("missing t2"), empty where it can
    bool label_is_empty = false;  // no file, but known: nothing is labelled
    /// A radiograph of the case: its name in the shard, and its picture.
    struct ViewFile {
        std::string name;
        std::filesystem::path file;
    };
    std::vector<ViewFile> views{};  // by name
    std::string split{};           // "train", "val", "test" where the layout decides it, else empty
    std::map<std::string, std::string> columns{};  // what a table says of the case: CaseInfo::columns
    /// A line of a table that asks for a part of the case's picture.
    struct AskedLine {
        std::string place;  // "FILE:LINE", for messages
        std::filesystem::path mask;
        std::string question, answer;  // the answer may be empty
        std::string position;          // what the table says of the part's place; may be empty
    };
    std::vector<AskedLine> asked{};  // in the table's order
    std::vector<std::string> missing{};  // channels without a file, where `problem` is this and nothing else
};

struct Listing {
    std::vector<std::string> channels;
    std::vector<CaseFiles> cases;  // by id
    /// What names and dataset.json say of the labels: "brats", "brats2023", "msd_brats", "generic", or the scheme itself
    /// ("prostate158_anatomy"); empty: nothing.
    std::string scheme_hint;
    /// Layouts whose files lie on grids of their own: the channel onto whose grid all others come.  Empty: one grid a case.
    std::string reference{};
    std::map<int, std::string> structures{};  // what dataset.json calls label values, without 0
    std::string label{};  // which of several labels was taken, where names tell
    std::map<std::string, std::string> provenance{};  // what dataset.json keeps of how the input was read
    std::vector<std::string> notes{};  // what is worth saying of it
};

/// Throws DataError where the folder does not exist, holds no case of the layout, or one id twice.  Opens no volume.
/// brats: <id>_t1.nii.gz _t1ce _t2 _flair _seg (2018-2021) and <id>-t1n.nii.gz -t1c -t2w -t2f -seg (2023), in any subfolder.
Listing list_brats(const std::filesystem::path& input);
/// msd, nnunet: dataset.json; 4-D images under "training", or imagesTr/<id>_0000.nii.gz and labelsTr/<id>.nii.gz.
Listing list_msd(const std::filesystem::path& input);
/// generic: a folder a case; every volume but label, seg and mask is a channel, or those that `channels` and `label` name.
Listing list_generic(const std::filesystem::path& input, const std::vector<std::string>& channels,
                     const std::string& label);

/// What is taken of Prostate158: channels and the column of the label, by task where they are empty.  anatomy: t2 and
/// t2_anatomy_reader1; tumor: t2, adc, dwi and adc_tumor_reader1; no task: the one that the label belongs to, else anatomy.
struct Prostate158Choice {
    std::vector<std::string> channels;
    std::string label, scheme;  // scheme: prostate158_anatomy or prostate158_tumor
};
/// Throws UsageError for another task or label, or where they contradict each other.
Prostate158Choice choose_prostate158(const std::string& task, const std::vector<std::string>& channels,
                                     const std::string& label);
/// prostate158: train.csv, valid.csv, test.csv (those that exist) with ID and a column a volume; cells are paths from `input`.
/// The files decide the splits.  An empty cell of the label: the case has no label; empty.nii.gz: it is known to hold nothing.
/// Throws DataError with file and line also for an ID that is listed twice, in whichever files, and a column that is missing.
Listing list_prostate158(const std::filesystem::path& input, const Prostate158Choice& choice);

/// xray_ct: a folder P for each patient with P.nii.gz, P.nii or P.npy, a CT in HU, and its radiographs: P_pa_drr.png (or _ap, _frontal)
/// and P_lat_drr.png (or _lateral), .png or .npy, with or without _drr; other files are left alone.
/// Cases that lack a view which others have, have none, or have some where they are to be made, are told so by name.
enum class XrayFiles {
    ct_and_views,
    ct,  // radiographs are made of it
    views,  // a CT may be there, but need not
};
Listing list_xray_ct(const std::filesystem::path& input, XrayFiles wanted);

/// Which columns of a table of survival are what, in any case of letters; empty: the one with a usual name, see README.md.
struct SurvivalChoice {
    std::string path_column{}, time_column{}, event_column{};
    std::string fold_column{};  // empty: the table decides no split
    std::string id_column{};  // empty: cases are named by their files
    std::filesystem::path images{};  // the folder from which paths are, or that holds BraTS cases; empty: the table's
};
/// survival: a table, .csv or .tsv, a line a case: the path of its volume (or of a folder with one), its time, whether the event came,
/// and other columns; or a table of BraTS, whose ids name cases as list_brats finds them, and whose Survival_days are
/// "ALIVE (361 days later)" for whom the event did not come.  No labels.  `columns` of the cases have `time`, `event` ("0", "1") and
/// the others.  A line that cannot be used is a case with a problem.  Throws DataError also for two lines of one name.
Listing list_survival(const std::filesystem::path& input, const SurvivalChoice& choice);

/// prompted: a table, .csv or .tsv, a line a question: image_path, image_name, split, question (or description), answer, position,
/// mask_path, in any case of letters and any order, all but the question and one of the image's optional.  Paths are from
/// `images`, or the table's folder where it is empty.  A line without a mask_path has its mask where the image is, but that "masks"
/// stands for "images" in the last folder that has it.  All lines of an image make one case, with one channel, grey, where every
/// picture of the table is grey, else red, green, blue.  A line that cannot be used is a problem of its case.  Throws DataError
/// also for two pictures of one name.
Listing list_prompted(const std::filesystem::path& input, const std::filesystem::path& images);

/// What `infer` takes, for a model with these channels: BraTS names where the channels are BraTS's; pictures where they are colours; a folder with a dataset.json
/// of MSD or nnU-Net; loose files <id>_0000.nii.gz (nnU-Net) or 4-D <id>.nii.gz (MSD), in the model's order of channels; else a
/// folder a case.  Throws as the others.
Listing list_for_model(const std::filesystem::path& input, const std::vector<std::string>& channels);

/// A case whose only problem is missing channels, `most` of them at most and at least one there, becomes one that lacks them: a channel
/// for each of `wanted`, in this order, and no problem.  Others stay as they are.
void accept_missing(CaseFiles& files, const std::vector<std::string>& wanted, int64_t most);

/// Removes ".nii" or ".nii.gz"; an empty text for any other file.
std::string volume_stem(const std::filesystem::path& file);

}  // namespace vox::data
