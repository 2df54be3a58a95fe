//! Errors that have one answer for several causes: the cause, which is recorded and never answered, and its own way out.

/// A cause that the answer does not tell.
pub struct Cause {
    /// What is recorded.
    pub refused: &'static str,
    /// What happened.
    pub why: &'static str,
    /// The way out.
    pub mend: &'static str,
}

/// The causes behind an error's one answer; none where it tells all there is.
pub fn causes(slug: &str) -> &'static [Cause] {
    match slug {
        "key-invalid" => &KEY_INVALID,
        "too-many-requests" => &TOO_MANY,
        _ => &[],
    }
}

static KEY_INVALID: [Cause; 6] = [
    Cause {
        refused: "unknown key",
        why: "No such key",
        mend: "The key is another server's, or its id was cut off. Copy it again from the Keys page. A key of the \
            hosted service works here once it is imported, by `patron key import`.",
    },
    Cause {
        refused: "wrong secret",
        why: "Wrong secret",
        mend: "The secret is of another key, was cut off, or was ended by a rotation. Where nobody has it any more, \
            rotate the key: that makes another.",
    },
    Cause {
        refused: "expired key",
        why: "The key has expired",
        mend: "Make another key and give it to the application. An expiry that has passed cannot be moved.",
    },
    Cause {
        refused: "revoked key",
        why: "The key was revoked",
        mend: "Somebody ended it, at once and for good. Ask why before you make another.",
    },
    Cause {
        refused: "malformed key id",
        why: "What was sent is not a key id",
        mend: "Id and secret may have changed places, or the id is empty: see which variables your application \
            reads.",
    },
    Cause {
        refused: "malformed header",
        why: "The header is malformed",
        mend: "It is `Authorization: Basic`, one space, and the base64 of `KEY_ID:KEY_SECRET`, without a line end \
            in it. A bearer token is not taken.",
    },
];

static TOO_MANY: [Cause; 3] = [
    Cause {
        refused: "too many failures",
        why: "Too many wrong secrets",
        mend: "More wrong secrets than 20 in a minute came from one address for one key, or 60 for all keys. Give \
            the application the right one, then wait a minute.",
    },
    Cause {
        refused: "the key's limit",
        why: "The key's limit",
        mend: "The application sent more than `--rate-limit-key` lets one key. Spread its requests, or raise the \
            limit.",
    },
    Cause {
        refused: "the address's limit",
        why: "The address's limit",
        mend: "More came from one address than `--rate-limit-address` lets it. Behind a proxy, see that the server \
            knows it by `--trusted-proxy`: else all clients are one.",
    },
];

impl Cause {
    /// Its place on the page.
    pub fn anchor(&self) -> String {
        self.refused.replace(' ', "-").replace('\'', "")
    }
}
