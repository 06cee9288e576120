//! How a call ended, as a line of JSON.

use prost::{DecodeError, Message};
use serde::Serialize;
use tonic::Status;

use crate::messages::{ErrorInfo, RpcStatus};

const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

/// How the call ended, by tonic's word: `grpc-status`, `grpc-message`, and what `grpc-status-details-bin` says.
#[derive(Serialize)]
pub struct Outcome {
    code: i32,
    message: String,
    details: Option<Details>,
}

/// A `google.rpc.Status` with the first `google.rpc.ErrorInfo` in it.
#[derive(Serialize)]
pub struct Details {
    code: i32,
    message: String,
    reason: Option<String>,
    domain: Option<String>,
}

impl Outcome {
    /// # Errors
    /// Details that do not decode.
    pub fn of(status: &Status) -> Result<Self, DecodeError> {
        Ok(Self { code: status.code().into(), message: status.message().to_owned(), details: details(status)? })
    }
}

fn details(status: &Status) -> Result<Option<Details>, DecodeError> {
    if status.details().is_empty() {
        return Ok(None);
    }
    let found = RpcStatus::decode(status.details())?;
    let info = found.details.iter().find(|any| any.type_url == ERROR_INFO);
    let info = info.map(|any| ErrorInfo::decode(any.value.as_slice())).transpose()?;
    let (reason, domain) = info.map(|info| (info.reason, info.domain)).unzip();
    Ok(Some(Details { code: found.code, message: found.message, reason, domain }))
}
