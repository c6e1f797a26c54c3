//! Measures the time of all SDK calls. Retries count; concurrent calls count once.

use aws_sdk_s3::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use slipway_core::BusyClock;
use slipway_core::busy::Wait;

/// Attaches a wait to each call. It ends with the call, also when the call is dropped early.
#[derive(Debug)]
pub(crate) struct Timing(pub(crate) BusyClock);

#[derive(Debug)]
struct Under(#[expect(dead_code, reason = "held until the call ends")] Wait);

impl Storable for Under {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Timing {
    fn name(&self) -> &'static str {
        "Timing"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Under(self.0.wait()));
        Ok(())
    }
}
