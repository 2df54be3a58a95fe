//! What is wrong with the notes.

use super::{Case, Entry, WRITES};

const PAIRS: &str = "Notes are an object of at most 15 pairs. A key and a value have at most 256 characters each; \
    values are strings, numbers or booleans.";

pub(super) static NOTES: [Entry; 6] = [
    Entry {
        slug: "notes-not-pairs",
        says: "Notes should be provided as a dictionary",
        why: "The notes are a string, a number, a boolean, or an array with something in it.",
        mend: "Send an object: `{\"city\":\"Pune\"}`. In a form each note is a field of its own: \
            `notes[city]=Pune`. An empty object, an empty array, `null` and an empty string clear all notes.",
        law: PAIRS,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| with_notes(r#""Tea, Earl Grey, Hot""#)),
    },
    Entry {
        slug: "notes-too-many",
        says: "Notes should not have more than 15 keys.",
        why: "There are more than 15 notes.",
        mend: "Put several things in one note, or keep them where they belong, and their id in a note. An edit \
            replaces all notes, so what was there before does not count.",
        law: PAIRS,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| {
            let pairs: Vec<String> = (1..=16).map(|number| format!(r#""key_{number}":"{number}""#)).collect();
            with_notes(&format!("{{{}}}", pairs.join(",")))
        }),
    },
    Entry {
        slug: "notes-value-too-long",
        says: "Notes value cannot be greater than 256 characters.",
        why: "The value of a note has more than 256 characters.",
        mend: "Shorten it, or split it over several notes.",
        law: PAIRS,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| with_notes(&format!(r#"{{"words":"{}"}}"#, "x".repeat(257)))),
    },
    Entry {
        slug: "notes-key-too-long",
        says: "Notes key cannot be greater than 256 characters.",
        why: "The key of a note has more than 256 characters.",
        mend: "Use a short key, and put the words in the value.",
        law: PAIRS,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| with_notes(&format!(r#"{{"{}":"Pune"}}"#, "k".repeat(257)))),
    },
    Entry {
        slug: "notes-value-not-scalar",
        says: "Notes values themselves should not be an array.",
        why: "The value of a note is an array, an object or `null`.",
        mend: "Send text, a number or a boolean. What has parts of its own can be sent as text that holds JSON. To \
            remove a note, send the others without it.",
        law: PAIRS,
        acts: WRITES,
        is_ours: false,
        case: Case::Create(|| with_notes(r#"{"cities":["Pune","Goa"]}"#)),
    },
    Entry {
        slug: "notes-null-character",
        says: "Notes may not contain null characters.",
        why: "A note has the character U+0000 in its key or its value.",
        mend: "Take it out. It mostly comes from fields of fixed length, and means nothing.",
        law: "The character U+0000 is not kept, since many programs take it for the end of a text.",
        acts: WRITES,
        is_ours: true,
        case: Case::Create(|| with_notes(r#"{"city":"Pune\u0000"}"#)),
    },
];

fn with_notes(notes: &str) -> String {
    format!(r#"{{"name":"Gaurav Kumar","notes":{notes}}}"#)
}
