//! One call by tonic: what it is told, and the three ways of calling a method.

use std::error::Error;
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message;
use serde::Deserialize;
use tokio_stream::Stream;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Extensions, Request, Status, Streaming};
use tonic_prost::ProstCodec;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A call as the test says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub port: u16,
    pub method: String,
    pub gzip: bool,
    pub metadata: Vec<(String, String)>,
}

/// A connection, and what each call on it carries.
pub struct Publisher {
    client: Grpc<Channel>,
    path: PathAndQuery,
    metadata: MetadataMap,
}

impl Publisher {
    pub async fn connect(call: &Call) -> Result<Self, Box<dyn Error>> {
        let channel = Endpoint::from_shared(format!("http://127.0.0.1:{}", call.port))?.timeout(TIMEOUT).connect().await?;
        let mut client = Grpc::new(channel);
        if call.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        client.ready().await?;
        Ok(Self { client, path: call.method.parse()?, metadata: metadata(&call.metadata)? })
    }

    /// One message, one answer.
    pub async fn unary<M, A>(&mut self, message: M) -> Result<A, Status>
    where
        M: Message + 'static,
        A: Message + Default + 'static,
    {
        let answer = self.client.unary(self.request(message), self.path.clone(), ProstCodec::default()).await?;
        Ok(answer.into_inner())
    }

    /// Many messages, one answer.
    pub async fn collect<M, A>(&mut self, messages: impl Stream<Item = M> + Send + 'static) -> Result<A, Status>
    where
        M: Message + 'static,
        A: Message + Default + 'static,
    {
        let answer = self.client.client_streaming(self.request(messages), self.path.clone(), ProstCodec::default()).await?;
        Ok(answer.into_inner())
    }

    /// Many messages, many answers.
    pub async fn exchange<M, A>(&mut self, messages: impl Stream<Item = M> + Send + 'static) -> Result<Streaming<A>, Status>
    where
        M: Message + 'static,
        A: Message + Default + 'static,
    {
        let answers = self.client.streaming(self.request(messages), self.path.clone(), ProstCodec::default()).await?;
        Ok(answers.into_inner())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        Request::from_parts(self.metadata.clone(), Extensions::default(), message)
    }
}

fn metadata(pairs: &[(String, String)]) -> Result<MetadataMap, Box<dyn Error>> {
    let mut found = MetadataMap::new();
    for (name, value) in pairs {
        found.append(name.parse::<MetadataKey<Ascii>>()?, value.parse()?);
    }
    Ok(found)
}
