//! Writes the preview: JPEG, or PNG where there is transparency, with the colour profile.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use png::{BitDepth, Compression, Info};

use crate::pixels::Pixels;
use crate::{Format, Preview, Reason};

/// The quality of the JPEG, which is libvips's default.
const QUALITY: u8 = 75;

/// A longer profile is dropped, because the preview should be smaller than its file. Profiles of
/// cameras and screens have less than 4 kB. The sRGB profile with the preference intent has 60 kB.
const MAX_PROFILE: usize = 64 * 1024;

pub(crate) fn encode(pixels: Pixels, profile: Option<&[u8]>) -> Result<Preview, Reason> {
    let pixels = pixels.without_needless_alpha();
    let profile = profile.filter(|profile| profile.len() <= MAX_PROFILE);
    let (format, bytes) = match pixels.channels {
        1 | 3 => (Format::Jpeg, jpeg(&pixels, profile)?),
        _ => (Format::Png, png(&pixels, profile)?),
    };
    Ok(Preview {
        format,
        bytes,
        width: pixels.width,
        height: pixels.height,
    })
}

fn jpeg(pixels: &Pixels, profile: Option<&[u8]>) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_optimized_huffman_tables(true);
    if let Some(profile) = profile {
        encoder.add_icc_profile(profile).map_err(Reason::broken)?;
    }
    let (width, height) = (side(pixels.width)?, side(pixels.height)?);
    let kind = if pixels.channels == 1 {
        ColorType::Luma
    } else {
        ColorType::Rgb
    };
    encoder
        .encode(&pixels.data, width, height, kind)
        .map_err(Reason::broken)?;
    Ok(bytes)
}

fn side(pixels: u32) -> Result<u16, Reason> {
    u16::try_from(pixels).map_err(Reason::broken)
}

fn png(pixels: &Pixels, profile: Option<&[u8]>) -> Result<Vec<u8>, Reason> {
    let mut info = Info::with_size(pixels.width, pixels.height);
    info.bit_depth = BitDepth::Eight;
    info.color_type = if pixels.channels == 2 {
        png::ColorType::GrayscaleAlpha
    } else {
        png::ColorType::Rgba
    };
    info.icc_profile = profile.map(Into::into);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut bytes, info).map_err(Reason::broken)?;
    encoder.set_compression(Compression::Balanced);
    let mut writer = encoder.write_header().map_err(Reason::broken)?;
    writer
        .write_image_data(&pixels.data)
        .map_err(Reason::broken)?;
    writer.finish().map_err(Reason::broken)?;
    Ok(bytes)
}
