//! Descriptors into statuses: Limitador says which limits apply, Redis counts. Limitador's own parts for that do not do here: its storage
//! in Redis builds only together with RocksDB (0.14) and looks before it counts, so that of two questions at the same moment both pass;
//! and its server gives no status for each descriptor.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use limitador::counter::Counter;
use limitador::limit::{Context, Limit};
use redis::Script;
use redis::aio::MultiplexedConnection;
use serde::Deserialize;

use crate::messages::{self, Code, Descriptor, Status};

/// Counts each key unless that would be more than its limit; the window of a key begins with its first hit. For each key: whether it
/// was over its limit, and in how many milliseconds its window ends.
const COUNT: &str = "
    local answer = {}
    for i, key in ipairs(KEYS) do
        local hits, most, seconds = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), ARGV[3 * i]
        local before = tonumber(redis.call('get', key) or '0')
        local over = before + hits > most
        if not over and hits > 0 then
            redis.call('incrby', key, hits)
            if before == 0 then redis.call('expire', key, seconds) end
        end
        table.insert(answer, over and 1 or 0)
        table.insert(answer, redis.call('pttl', key))
    end
    return answer";

/// What the service is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub redis: String,
    pub domain: String,
    pub limits: Vec<LimitSettings>,
}

/// A limit as Limitador's configuration has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    pub max_value: u64,
    pub seconds: u64,
    pub conditions: Vec<String>,
    pub variables: Vec<String>,
}

/// The limits of a domain, and where is counted.
pub struct Engine {
    pub domain: String,
    limits: Vec<Arc<Limit>>,
    redis: MultiplexedConnection,
    script: Script,
}

type Failure = Box<dyn Error + Send + Sync>;

impl Engine {
    pub async fn connect(settings: Settings) -> Result<Self, Box<dyn Error>> {
        let Settings { redis, domain, limits } = settings;
        let redis = redis::Client::open(redis)?.get_multiplexed_async_connection().await?;
        let limits = limits.into_iter().map(|limit| limit.compile(&domain)).collect::<Result<_, _>>()?;
        Ok(Self { domain, limits, redis, script: Script::new(COUNT) })
    }

    /// All descriptors in one go; `hits` where they do not say for themselves.
    pub async fn judge(&self, descriptors: &[Descriptor], hits: u64) -> Result<Vec<Status>, Failure> {
        let counters = descriptors.iter().map(|descriptor| self.counter(descriptor)).collect::<Result<Vec<_>, _>>()?;
        let mut call = self.script.prepare_invoke();
        for (descriptor, counter) in descriptors.iter().zip(&counters) {
            let Some(counter) = counter else { continue };
            let hits = descriptor.hits_addend.as_ref().map_or(hits, |hits| hits.value);
            call.key(self.key(counter)).arg(hits).arg(counter.max_value()).arg(counter.window().as_secs());
        }
        let answer: Vec<i64> = match counters.iter().any(Option::is_some) {
            true => call.invoke_async(&mut self.redis.clone()).await?,
            false => Vec::new(),
        };
        let (answers, _) = answer.as_chunks::<2>();
        let mut answers = answers.iter();
        let status = |counter: &Option<Counter>| match counter {
            Some(counter) => status(counter, answers.next().unwrap_or(&[1, -1])),
            None => Status { code: Code::Ok.into(), current_limit: None, duration_until_reset: None },
        };
        Ok(counters.iter().map(status).collect())
    }

    /// By the limit that applies; of several the first.
    fn counter(&self, descriptor: &Descriptor) -> Result<Option<Counter>, Failure> {
        let entries: HashMap<_, _> = descriptor.entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
        let mut context = Context::default();
        context.list_binding("descriptors".to_owned(), vec![entries]);
        match self.limits.iter().find(|limit| limit.applies(&context)) {
            Some(limit) => Ok(Counter::new(Arc::clone(limit), &context).map_err(|error| error.to_string())?),
            None => Ok(None),
        }
    }

    /// A limit with its conditions, and what tells its counters apart.
    fn key(&self, counter: &Counter) -> String {
        let mut conditions: Vec<_> = counter.limit().conditions().into_iter().collect();
        conditions.sort();
        format!("{} {conditions:?} {:?}", self.domain, counter.set_variables())
    }
}

fn status(counter: &Counter, [over, millis]: &[i64; 2]) -> Status {
    let reset = u64::try_from(*millis).map(Duration::from_millis).unwrap_or_else(|_| counter.window());
    Status {
        code: if *over == 0 { Code::Ok } else { Code::OverLimit }.into(),
        current_limit: Some(messages::Limit { requests_per_unit: u32::try_from(counter.max_value()).unwrap_or(u32::MAX) }),
        duration_until_reset: Some(messages::Duration {
            seconds: i64::try_from(reset.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(reset.subsec_nanos()).unwrap_or_default(),
        }),
    }
}

impl LimitSettings {
    fn compile(self, domain: &str) -> Result<Arc<Limit>, Box<dyn Error>> {
        let Self { max_value, seconds, conditions, variables } = self;
        let conditions = conditions.into_iter().map(TryInto::try_into).collect::<Result<Vec<_>, _>>()?;
        let variables = variables.into_iter().map(TryInto::try_into).collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(Limit::new(domain, max_value, seconds, conditions, variables)))
    }
}
