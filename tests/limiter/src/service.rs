//! The protocol: `envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit`.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::engine::Engine;
use crate::messages::{Answer, Code, Question};

/// Answers by the engine.
#[derive(Clone)]
pub struct RateLimits(pub Arc<Engine>);

impl NamedService for RateLimits {
    const NAME: &'static str = "envoy.service.ratelimit.v3.RateLimitService";
}

impl Service<http::Request<Body>> for RateLimits {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            if request.uri().path().ends_with("/ShouldRateLimit") {
                return Ok(Grpc::new(ProstCodec::default()).unary(service, request).await);
            }
            Ok(Status::unimplemented("there is no such method").into_http())
        })
    }
}

impl UnaryService<Question> for RateLimits {
    type Response = Answer;
    type Future = BoxFuture<Response<Answer>, Status>;

    fn call(&mut self, request: Request<Question>) -> Self::Future {
        let Self(engine) = self.clone();
        Box::pin(async move { answer(&engine, &request.into_inner()).await.map(Response::new) })
    }
}

async fn answer(engine: &Engine, question: &Question) -> Result<Answer, Status> {
    if question.domain != engine.domain {
        return Ok(Answer { overall_code: Code::Unknown.into(), statuses: Vec::new() });
    }
    let hits = u64::from(question.hits_addend.max(1));
    let statuses = engine.judge(&question.descriptors, hits).await.map_err(|error| Status::unavailable(error.to_string()))?;
    let over = statuses.iter().any(|status| status.code == i32::from(Code::OverLimit));
    Ok(Answer { overall_code: if over { Code::OverLimit } else { Code::Ok }.into(), statuses })
}
