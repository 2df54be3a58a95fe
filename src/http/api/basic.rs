//! HTTP Basic credentials (RFC 7617) to a [`Caller`], or to a caller and the customer that they ask for. A handler that takes one of
//! the two is guarded by that alone.

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use futures_util::future::LocalBoxFuture;
use zeroize::Zeroizing;

use super::{Problem, id_in};
use crate::domain::{Actor, Customer, CustomerId, Grant, Key, KeyId, Secret};
use crate::http::noted::Noted;
use crate::http::settings::Settings;
use crate::http::watch::RequestId;
use crate::service::{Admission, Caller, NotAdmitted, Refused, Services};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(admit(&request, None).await?.0) })
    }
}

/// The customer that a request asks for, read in the transaction that admitted the request.
pub(in crate::http) struct Fetched(pub(super) Customer);

impl FromRequest for Fetched {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            // Credentials are judged before the id.
            let id = id_in(&request);
            let (_, customer) = admit(&request, id.as_ref().ok()).await?;
            id?;
            Ok(Self(customer.ok_or_else(Problem::failed)??))
        })
    }
}

async fn admit(
    request: &HttpRequest,
    customer: Option<&CustomerId>,
) -> Result<(Caller, Option<Result<Customer, Refused>>), Problem> {
    let noted = Noted::of(request);
    let settings = request.app_data::<Data<Settings>>().ok_or_else(Problem::failed)?;
    let address = settings.client(request);
    settings
        .limits
        .of_address(request, address)
        .inspect_err(|_| noted.credentials(None, Some("the address's limit")))?;
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        noted.credentials(None, Some("no credentials"));
        return Err(Problem::no_credentials());
    };
    let services = request.app_data::<Data<Services>>().ok_or_else(Problem::failed)?;
    let Some((id, secret)) = header.to_str().ok().and_then(decode) else {
        noted.credentials(None, Some("malformed header"));
        return Err(Problem::wrong_credentials());
    };
    match services.access.check(&id, secret, address, customer).await {
        Ok(Admission { key, grant, customer }) => {
            let counted = settings.limits.of_key(request, &key.id);
            noted.credentials(Some(key.id.clone()), counted.is_err().then_some("the key's limit"));
            counted?;
            Ok((caller(&key, grant, request), customer))
        }
        Err(not_admitted) => {
            let reason = match not_admitted {
                NotAdmitted::Refused(reason) => reason,
                NotAdmitted::TooMany(_) => "too many failures",
                NotAdmitted::Crowded => "too many verifications",
                NotAdmitted::Busy | NotAdmitted::Failed => "not checked",
            };
            // Only what is well formed: somebody may have put a secret in the place of the id.
            noted.credentials(KeyId::parse(&id), Some(reason));
            Err(not_admitted.into())
        }
    }
}

/// The two halves of a header, neither judged. The scheme is compared without regard to case, and one space or more follows it
/// (RFC 9110, section 11.4).
pub fn decode(header: &str) -> Option<(String, Secret)> {
    let (scheme, pair) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64.decode(pair.trim_matches(' ')).ok()?);
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), Secret::given(secret.to_owned())))
}

fn caller(key: &Key, grant: Grant, request: &HttpRequest) -> Caller {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let number = Noted::of(request).number();
    let actor = Actor::Key { id: key.id.clone(), label: key.label.clone() };
    Caller { mode: key.id.mode(), actor, request_id, request: number, grant: Some(grant) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_case_of_the_scheme_nor_padding_counts() {
        let decode = |header: &str| decode(header).map(|(id, secret)| (id, secret.reveal().to_owned()));
        let expected = Some(("key".to_owned(), "se:cret".to_owned()));
        for scheme in ["Basic", "basic", "BASIC", "bAsIc"] {
            assert_eq!(decode(&format!("{scheme} a2V5OnNlOmNyZXQ=")), expected);
            assert_eq!(decode(&format!("{scheme}  a2V5OnNlOmNyZXQ")), expected);
        }
        for malformed in [
            "Basica2V5OnNlOmNyZXQ=",
            "Basic\ta2V5OnNlOmNyZXQ=",
            "Basic",
            "Basic a2V5",
            "Basic !",
            "Bearer x",
            "",
            "Basic /////w==",
        ] {
            assert_eq!(decode(malformed), None, "{malformed}");
        }
    }
}
