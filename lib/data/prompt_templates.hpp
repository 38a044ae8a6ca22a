#pragma once
// The sentences that prompts and answers are made of, and which of them say one thing only about a labelled volume.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/geometry.hpp"
#include "data/prompt_components.hpp"
#include "data/prompt_position.hpp"

namespace vox::data {

/// What a question says of the thing that is to be segmented.
enum class PromptKind {
    structure,  // its name only: the network has to find the place
    modality,  // its name and how the image was taken
    position,  // the whole position
    side,  // the quadrant or octant
    distance,  // near the centre, far from it, at it
};

/// A question and its answer with places to fill: {structure}, {position}, {modality}.
struct PromptTemplate {
    PromptKind kind;
    std::string_view question;
    std::string_view answer;  // tells the whole position

    bool names_structure() const { return question.find("{structure}") != std::string_view::npos; }
    bool states_position() const { return question.find("{position}") != std::string_view::npos; }
    /// How much of the position the question states, where it does.
    PositionDetail detail() const;
};

/// 55, eleven of each kind.  Their order is part of what a data set's prompts are: add at the end.
std::span<const PromptTemplate> prompt_templates();

/// Whether a question gives away what the position head and the answer are asked for: it has a word of sides or of the centre, be it
/// in the name of a structure.  Figures of positions and answers leave such questions out.
bool states_position(std::string_view question);

/// Every text that may be filled into a template or is one: what the vocabulary of these structures and modalities is made of.
std::vector<std::string> prompt_texts(std::span<const std::string> structures, std::span<const std::string> modalities,
                                      PositionSpace space);

/// One question about an image, which one of its components answers and no other.
struct Prompt {
    size_t component;
    size_t template_number;
    std::string question, answer;
    int64_t position;  // position_class
    bool states_position;  // data::states_position(question)
};

/// All prompts of an image with these components, by component and then by template.  A prompt is there only where exactly one
/// component fits what it says; a component upon a middle plane, which has no position, gets none itself but counts as fitting
/// any.  `modality` may be empty: then no question tells it.  A pure function of its arguments.
std::vector<Prompt> prompts_of(std::span<const PromptComponent> components, const core::Index3& size,
                               const core::Double3& spacing_mm, PositionSpace space, std::string_view modality);

}  // namespace vox::data
