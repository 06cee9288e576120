//! Classes of characters, as ECMA-262 has them under the flag `u`.

/// Which characters may stand at a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Class {
    pub(super) negated: bool,
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Range(char, char),
    Set(Set),
    /// `\D`, `\W`, `\S` and `\P{...}`.
    Not(Set),
}

/// A set that has a name. Those of Unicode are as the standard library knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Any,
    Ascii,
    Digit,
    Word,
    Space,
    LineEnd,
    Letter,
    UppercaseLetter,
    Number,
    DecimalNumber,
    Alphabetic,
    Uppercase,
    Lowercase,
    WhiteSpace,
    Control,
}

impl Class {
    pub(super) fn of(part: Part) -> Self {
        Self { negated: false, parts: vec![part] }
    }

    pub(super) fn contains(&self, char: char) -> bool {
        let listed = self.parts.iter().any(|part| match part {
            Part::Range(first, last) => (*first..=*last).contains(&char),
            Part::Set(set) => set.contains(char),
            Part::Not(set) => !set.contains(char),
        });
        listed != self.negated
    }
}

impl Set {
    /// The set that `\p{...}` names (ECMA-262, tables 69 to 71; Unicode's PropertyValueAliases), of those that are known here.
    pub(super) fn of_property(name: &str) -> Option<Self> {
        let category = name.strip_prefix("General_Category=").or_else(|| name.strip_prefix("gc="));
        Some(match category.unwrap_or(name) {
            "L" | "Letter" => Self::Letter,
            "Lu" | "Uppercase_Letter" => Self::UppercaseLetter,
            "N" | "Number" => Self::Number,
            "Nd" | "Decimal_Number" | "digit" => Self::DecimalNumber,
            "Cc" | "Control" | "cntrl" => Self::Control,
            _ if category.is_some() => return None,
            "Any" => Self::Any,
            "ASCII" => Self::Ascii,
            "Alphabetic" | "Alpha" => Self::Alphabetic,
            "Uppercase" | "Upper" => Self::Uppercase,
            "Lowercase" | "Lower" => Self::Lowercase,
            "White_Space" | "space" => Self::WhiteSpace,
            _ => return None,
        })
    }

    pub(super) fn contains(self, char: char) -> bool {
        match self {
            Self::Any => true,
            Self::Ascii => char.is_ascii(),
            Self::Digit => char.is_ascii_digit(),
            Self::Word => is_word(char),
            Self::Space => is_space(char),
            Self::LineEnd => matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}'),
            Self::Letter => is_letter(char),
            Self::UppercaseLetter => char.is_uppercase() && is_letter(char),
            Self::Number => char.is_numeric(),
            Self::DecimalNumber => is_decimal(char),
            Self::Alphabetic => char.is_alphabetic(),
            Self::Uppercase => char.is_uppercase(),
            Self::Lowercase => char.is_lowercase(),
            Self::WhiteSpace => char.is_whitespace(),
            Self::Control => char.is_control(),
        }
    }
}

pub(super) fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}

/// `\s`: WhiteSpace and LineTerminator (ECMA-262 sections 12.2 and 12.3). U+0085 is not among them, U+FEFF is.
fn is_space(char: char) -> bool {
    (char.is_whitespace() && char != '\u{85}') || char == '\u{feff}'
}

/// Letters (L) are alphabetic. What is alphabetic but a number or a mark that is counted as such (Other_Alphabetic) is no letter.
fn is_letter(char: char) -> bool {
    char.is_ascii_alphabetic()
        || (!char.is_ascii() && char.is_alphabetic() && !char.is_numeric() && !is_in(OTHER_ALPHABETIC, u32::from(char)))
}

fn is_decimal(char: char) -> bool {
    char.is_ascii_digit() || (!char.is_ascii() && char.is_numeric() && is_in(DECIMALS, u32::from(char)))
}

/// Whether a table of gaps and lengths, one behind the other, has a code point.
fn is_in(table: &[(u16, u16)], code: u32) -> bool {
    let mut at = 0_u32;
    for (gap, length) in table {
        at += u32::from(*gap);
        if code < at {
            return false;
        }
        at += u32::from(*length);
        if code < at {
            return true;
        }
    }
    false
}

/// The ranges of Unicode 16 that hold what is alphabetic but neither letter nor number, and no letter: how far behind the last one
/// each starts, and how long it is.
#[rustfmt::skip]
const OTHER_ALPHABETIC: &[(u16, u16)] = &[
    (837, 43), (576, 24), (72, 11), (48, 21), (16, 1), (101, 15), (2, 7), (35, 1), (30, 16), (102, 11), (101, 2), (3, 9),
    (1, 3), (1, 4), (106, 1), (60, 48), (54, 2), (2, 18), (5, 3), (10, 2), (29, 3), (58, 7), (2, 2), (2, 2), (10, 1), (10, 2),
    (29, 3), (58, 5), (4, 2), (2, 2), (4, 1), (30, 2), (3, 1), (11, 3), (58, 8), (1, 3), (1, 2), (21, 2), (22, 3), (4, 3),
    (58, 7), (2, 2), (2, 2), (9, 2), (10, 2), (30, 1), (59, 5), (3, 3), (1, 3), (10, 1), (40, 5), (57, 7), (1, 3), (1, 3),
    (8, 2), (11, 2), (29, 3), (58, 7), (1, 3), (1, 3), (8, 2), (11, 2), (15, 1), (12, 4), (58, 7), (1, 3), (1, 3), (10, 1),
    (10, 2), (29, 3), (75, 6), (1, 1), (1, 8), (18, 2), (61, 1), (2, 7), (18, 1), (99, 1), (2, 9), (16, 1), (163, 19), (9, 11),
    (1, 36), (110, 20), (23, 4), (4, 3), (1, 3), (2, 7), (3, 4), (13, 12), (1, 15), (1652, 2), (30, 2), (30, 2), (30, 2),
    (66, 19), (188, 2), (34, 1), (118, 12), (4, 9), (222, 5), (57, 10), (2, 20), (74, 16), (49, 5), (48, 15), (60, 3), (30, 13),
    (57, 11), (50, 19), (412, 34), (1729, 52), (2294, 32), (30836, 8), (34, 2), (354, 1), (8, 1), (23, 5), (88, 2), (50, 18),
    (57, 1), (38, 5), (28, 12), (45, 4), (48, 12), (37, 1), (67, 14), (12, 1), (8, 2), (45, 3), (50, 1), (1, 3), (2, 2), (5, 1),
    (44, 5), (5, 1), (237, 8), (20275, 1), (2135, 5), (1670, 3), (1, 2), (5, 4), (788, 4), (65, 1), (321, 2), (79, 1), (259, 3),
    (53, 14), (45, 2), (11, 3), (45, 19), (61, 3), (36, 12), (18, 2), (57, 3), (48, 13), (14, 2), (92, 19), (2, 1), (157, 10),
    (23, 4), (58, 7), (2, 2), (2, 2), (10, 1), (10, 2), (84, 9), (1, 1), (2, 1), (1, 4), (1, 2), (103, 17), (106, 18), (237, 7),
    (2, 7), (29, 2), (82, 17), (106, 11), (103, 14), (257, 13), (247, 6), (1, 2), (2, 2), (3, 1), (1, 1), (142, 7), (2, 6),
    (4, 1), (28, 10), (42, 5), (1, 4), (18, 11), (46, 14), (407, 8), (1, 7), (83, 22), (1, 14), (122, 6), (3, 1), (1, 2),
    (1, 5), (3, 1), (66, 5), (1, 2), (1, 4), (348, 4), (9, 2), (1, 1), (48, 7), (3, 3), (16861, 17), (3616, 1), (1, 55), (7, 4),
    (93, 2), (19628, 1), (9057, 7), (1, 17), (2, 7), (1, 2), (1, 5), (100, 1), (2231, 1), (2024, 90),
];

/// The ranges of Unicode 16 that hold the decimal digits (Nd), and no other number.
#[rustfmt::skip]
const DECIMALS: &[(u16, u16)] = &[
    (48, 10), (1574, 154), (198, 10), (412, 10), (118, 10), (118, 10), (118, 10), (118, 10), (118, 10), (118, 10), (118, 10),
    (118, 10), (118, 10), (96, 10), (118, 10), (70, 10), (278, 90), (1862, 10), (38, 10), (300, 10), (128, 10), (166, 10),
    (6, 10), (182, 106), (134, 10), (6, 10), (35270, 10), (678, 10), (38, 10), (198, 10), (22, 10), (86, 10), (406, 10),
    (21270, 10), (1414, 10), (2182, 10), (6, 10), (796, 10), (128, 10), (60, 10), (144, 10), (278, 10), (342, 10), (118, 10),
    (374, 10), (102, 10), (6, 20), (76, 10), (422, 10), (102, 10), (662, 10), (86, 10), (246, 10), (70, 10), (422, 10),
    (16854, 10), (2342, 10), (86, 10), (134, 10), (534, 10), (24438, 10), (2772, 50), (2368, 10), (422, 10), (502, 10),
    (247, 10), (853, 10), (4758, 10),
];
