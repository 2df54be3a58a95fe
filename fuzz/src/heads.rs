//! What stands in the head of a request: the Basic header, and the query of a list.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use form_urlencoded::Serializer;
use patron::http::api::steps;

use super::{answers, text};

/// A header is read as what a client makes of the same credentials, and any credentials survive being sent.
pub fn credentials(data: &[u8]) {
    let text = &*text(data);
    if let Some((id, secret)) = steps::credentials(text) {
        assert!(!id.contains(':'));
        let sent = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
        let sent = sent.map(|(_, sent)| sent.trim_matches(' ').trim_end_matches('='));
        assert_eq!(sent, Some(&*BASE64_STANDARD_NO_PAD.encode(format!("{id}:{}", secret.reveal()))));
    }
    let (id, secret) = text.split_once(':').unwrap_or((text, ""));
    let pair = format!("{id}:{secret}");
    for encoded in [BASE64_STANDARD.encode(&pair), BASE64_STANDARD_NO_PAD.encode(&pair)] {
        let read = steps::credentials(&format!("Basic {encoded}"));
        assert_eq!(read.as_ref().map(|(id, secret)| (&**id, secret.reveal())), Some((id, secret)));
        assert!(steps::credentials(&encoded).is_none());
    }
}

/// A query is refused in documented words, or asks for what is in bounds; and so does the same written again.
pub fn query(data: &[u8]) {
    let text = &*text(data);
    let (filter, slice) = match steps::of_list(text) {
        Ok(list) => list,
        Err(problem) => return answers::is_problem(&problem),
    };
    let known = ["count", "skip", "from", "to", "email", "contact"];
    assert!(form_urlencoded::parse(text.as_bytes()).all(|(name, _)| known.contains(&&*name)), "{text}");
    let last = |wanted: &str| {
        let values = form_urlencoded::parse(text.as_bytes()).filter(|(name, _)| name == wanted);
        values.last().map(|(_, value)| value.into_owned())
    };
    let filled = |wanted: &str| last(wanted).filter(|value| !value.is_empty());
    assert!((1..=100).contains(&slice.count), "{text}");
    assert_eq!(last("count").map_or(Some(10), |count| count.parse().ok()), Some(slice.count), "{text}");
    if let Some(skip) = last("skip").and_then(|skip| skip.parse::<u64>().ok()) {
        assert_eq!(slice.skip, skip, "{text}");
    }
    for (name, time) in [("from", filter.span.from), ("to", filter.span.to)] {
        assert_eq!(filled(name).map(|time| time.parse().ok()), time.map(Some), "{text}");
        assert!(time.is_none_or(|time| (946_684_800..=4_765_046_400).contains(&time)), "{text}");
    }
    assert_eq!(filled("email").map(|email| email.to_ascii_lowercase()), filter.email_key, "{text}");
    let plus = |contact: String| contact.strip_prefix(' ').map(|digits| format!("+{digits}")).unwrap_or(contact);
    assert_eq!(filled("contact").map(plus), filter.contact, "{text}");

    let mut written = Serializer::new(String::new());
    written.append_pair("count", &slice.count.to_string()).append_pair("skip", &slice.skip.to_string());
    let times = [("from", filter.span.from), ("to", filter.span.to)];
    written.extend_pairs(times.into_iter().filter_map(|(name, time)| Some((name, time?.to_string()))));
    let texts = [("email", &filter.email_key), ("contact", &filter.contact)];
    written.extend_pairs(texts.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))));
    let again = steps::of_list(&written.finish()).unwrap_or_else(|problem| panic!("{problem}: {text}"));
    assert_eq!(format!("{again:?}"), format!("{:?}", (filter, slice)), "{text}");
}
