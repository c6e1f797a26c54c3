//! Times every call of the SDK, whichever it is: retries count, calls side by side count once.

use aws_sdk_s3::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use slipway_core::BusyClock;
use slipway_core::busy::Wait;

/// Keeps a wait with each call: it ends with the call, also where that is dropped half way.
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
