// Sentences only: data/prompt_templates.cpp fills them.

#include "data/prompt_templates.hpp"

namespace vox::data {
namespace {

using enum PromptKind;

constexpr std::array<PromptTemplate, 55> kTemplates{{
    {structure, "Segment the {structure}.", "The {structure} is {position}."},
    {structure, "Where is the {structure}?", "It is {position}."},
    {structure, "Outline the {structure} and tell where it lies.", "The {structure} lies {position}."},
    {structure, "Find the {structure}.", "Found {position}: the {structure}."},
    {structure, "Show me the {structure}.", "You see the {structure} {position}."},
    {structure, "Can you mark the {structure}?", "Yes, the {structure} is marked {position}."},
    {structure, "I want to see where the {structure} lies.", "The {structure} can be seen {position}."},
    {structure, "What belongs to the {structure}?", "What is {position} belongs to the {structure}."},
    {structure, "Please draw the border of the {structure}.", "The border of the {structure} is drawn {position}."},
    {structure, "Locate the {structure}.", "The place of the {structure} is {position}."},
    {structure, "In which part is the {structure}?", "The {structure} is the part {position}."},

    {modality, "Segment the {structure} in this {modality}.", "The {structure} is {position}."},
    {modality, "This is a {modality}; where is the {structure}?", "In this {modality} it is {position}."},
    {modality, "Outline the {structure} that this {modality} shows.", "The {modality} shows it {position}."},
    {modality, "Find the {structure} on the {modality}.", "The {structure} was found {position}."},
    {modality, "What does the {modality} show of the {structure}?", "It shows the {structure} {position}."},
    {modality, "Mark the {structure} on this {modality}, please.", "The {structure} is marked {position}."},
    {modality, "Given a {modality}, show the {structure}.", "The {structure} lies {position}."},
    {modality, "Look at the {modality} and locate the {structure}.", "Its place is {position}."},
    {modality, "How much of this {modality} is the {structure}?", "The {structure} is what lies {position}."},
    {modality, "On a {modality} like this, what is the {structure}?", "The {structure} is {position}."},
    {modality, "Draw the {structure} into the {modality}.", "The {structure} is drawn {position}."},

    {position, "Segment the {structure} {position}.", "The {structure} is {position}."},
    {position, "Segment what lies {position}.", "What lies {position} is the {structure}."},
    {position, "Outline the {structure} that is {position}.", "The {structure} is outlined {position}."},
    {position, "Find the {structure}; it lies {position}.", "Yes, the {structure} lies {position}."},
    {position, "Which structure is {position}?", "It is the {structure}, {position}."},
    {position, "Mark the structure {position}.", "The {structure} is marked {position}."},
    {position, "I see the {structure} {position}; draw its border.", "Its border is drawn {position}."},
    {position, "Show the {structure} {position} on this image.", "The image has it {position}."},
    {position, "Is there the {structure} {position}?", "Yes, there it is: {position}."},
    {position, "Locate the {structure}, {position}.", "The {structure} was found {position}."},
    {position, "Please draw the {structure} {position}.", "The {structure} is drawn {position}."},

    {side, "Segment the {structure} {position}.", "The {structure} is {position}."},
    {side, "Segment the structure {position}.", "It is the {structure}, {position}."},
    {side, "Outline the {structure} which lies {position}.", "The {structure} lies {position}."},
    {side, "Find what is {position}.", "What is {position} is the {structure}."},
    {side, "Mark the {structure} {position}, please.", "The {structure} is marked {position}."},
    {side, "Show me what you see {position}.", "You see the {structure} {position}."},
    {side, "Of all that looks like the {structure}, take what is {position}.", "It lies {position}."},
    {side, "How much of it is the {structure} {position}?", "It is as much as is marked {position}."},
    {side, "Draw the border of the {structure} {position}.", "The border is drawn {position}."},
    {side, "Locate the {structure} {position}.", "The {structure} has its place {position}."},
    {side, "Can you show the {structure} {position}?", "Yes, the {structure} is {position}."},

    {distance, "Segment the {structure} {position}.", "The {structure} is {position}."},
    {distance, "Segment the structure that is {position}.", "It is the {structure}, {position}."},
    {distance, "Outline the {structure} {position}, please.", "The {structure} is outlined {position}."},
    {distance, "Find the {structure} {position}.", "The {structure} was found {position}."},
    {distance, "Mark what lies {position}.", "The {structure} lies {position}."},
    {distance, "Show the {structure} that lies {position}.", "It lies {position}."},
    {distance, "Which {structure} is {position}?", "The {structure} {position} is marked."},
    {distance, "Draw the {structure} {position}.", "The {structure} is drawn {position}."},
    {distance, "Take the {structure} {position}.", "That is the {structure} {position}."},
    {distance, "Is the {structure} {position}? Mark it.", "The {structure} is marked {position}."},
    {distance, "Locate the structure {position}.", "The place of the {structure} is {position}."},
}};

}  // namespace

std::span<const PromptTemplate> prompt_templates() { return kTemplates; }

}  // namespace vox::data
