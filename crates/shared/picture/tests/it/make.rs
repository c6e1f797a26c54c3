//! Generated pictures in every format, and a decoder of previews.

use std::io::Cursor;

use image_webp::{ColorType as WebPColor, WebPEncoder};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use slipway_picture::{Format, Preview};

/// The corners of the pictures, from the upper left, clockwise.
pub(crate) const CORNERS: [[u8; 3]; 4] =
    [[220, 30, 30], [30, 200, 40], [40, 50, 220], [230, 220, 40]];

/// A picture whose quarters have four colours.
pub(crate) fn quarters(width: u32, height: u32) -> Vec<u8> {
    let mut data = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let corner = match (x * 2 < width, y * 2 < height) {
                (true, true) => 0,
                (false, true) => 1,
                (false, false) => 2,
                (true, false) => 3,
            };
            data.extend(CORNERS[corner]);
        }
    }
    data
}

/// EXIF data with an orientation, and a text that a preview must not have.
pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    let mut bytes = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    bytes.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1]);
    bytes.extend(orientation.to_be_bytes());
    bytes.extend([0, 0]);
    // Artist, at offset 38.
    bytes.extend([0x01, 0x3b, 0, 2, 0, 0, 0, 16, 0, 0, 0, 38]);
    bytes.extend([0; 4]);
    bytes.extend(b"GPS48.8584N2.29E");
    bytes
}

pub(crate) struct Jpeg {
    pub(crate) progressive: bool,
    pub(crate) orientation: u16,
    pub(crate) profile: Option<Vec<u8>>,
    pub(crate) sampling: SamplingFactor,
}

impl Default for Jpeg {
    fn default() -> Self {
        Self {
            progressive: false,
            orientation: 1,
            profile: None,
            sampling: SamplingFactor::R_4_2_0,
        }
    }
}

impl Jpeg {
    pub(crate) fn of(self, data: &[u8], kind: ColorType, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 90);
        encoder.set_progressive(self.progressive);
        encoder.set_sampling_factor(self.sampling);
        encoder
            .add_exif_metadata(&exif(self.orientation))
            .expect("EXIF");
        if let Some(profile) = &self.profile {
            encoder.add_icc_profile(profile).expect("a profile");
        }
        let side = |side: u32| u16::try_from(side).expect("a side");
        encoder
            .encode(data, side(width), side(height), kind)
            .expect("a JPEG");
        bytes
    }

    pub(crate) fn quarters(self, width: u32, height: u32) -> Vec<u8> {
        self.of(&quarters(width, height), ColorType::Rgb, width, height)
    }
}

/// A PNG of rows of equal bytes, so that a large one takes no memory here.
pub(crate) fn png(
    width: u32,
    height: u32,
    kind: png::ColorType,
    depth: png::BitDepth,
    row: impl Fn(u32) -> Vec<u8>,
) -> Vec<u8> {
    let mut info = png::Info::with_size(width, height);
    info.color_type = kind;
    info.bit_depth = depth;
    if kind == png::ColorType::Indexed {
        info.palette = Some(CORNERS.concat().into());
        info.trns = Some(vec![255, 255, 255, 0].into());
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut bytes, info).expect("a header");
    encoder
        .add_text_chunk("Author".to_owned(), "GPS48.8584N2.29E".to_owned())
        .expect("a text");
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().expect("a header");
    let mut stream = writer.stream_writer().expect("a stream");
    for y in 0..height {
        std::io::Write::write_all(&mut stream, &row(y)).expect("a row");
    }
    stream.finish().expect("an end");
    writer.finish().expect("an end");
    bytes
}

pub(crate) fn webp(data: &[u8], kind: WebPColor, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif(6));
    encoder.encode(data, width, height, kind).expect("a WebP");
    bytes
}

/// An animation whose first frame is the lossless picture of a still WebP.
pub(crate) fn animated(data: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut still = Vec::new();
    WebPEncoder::new(&mut still)
        .encode(data, width, height, WebPColor::Rgba8)
        .expect("a WebP");
    let picture = still.get(12..).expect("a chunk");
    let three = |value: u32| value.to_le_bytes()[..3].to_vec();
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let length = u32::try_from(body.len()).expect("a length");
        let mut chunk = [name.as_slice(), &length.to_le_bytes(), body].concat();
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    };
    // Animation and alpha.
    let header = [vec![0x12, 0, 0, 0], three(width - 1), three(height - 1)].concat();
    let frame = [
        vec![0; 6],
        three(width - 1),
        three(height - 1),
        vec![100, 0, 0, 0],
        picture.to_vec(),
    ]
    .concat();
    let body = [
        b"WEBP".to_vec(),
        chunk(b"VP8X", &header),
        chunk(b"ANIM", &[0; 6]),
        chunk(b"ANMF", &frame),
    ]
    .concat();
    chunk(b"RIFF", &body)
}

/// A GIF whose first frame covers the right half, and whose second all of it.
pub(crate) fn gif(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder =
        gif::Encoder::new(&mut bytes, width, height, &CORNERS.concat()).expect("a GIF");
    let mut half = gif::Frame::from_indexed_pixels(
        width / 2,
        height,
        vec![1; usize::from(width / 2) * usize::from(height)],
        None,
    );
    half.left = width / 2;
    encoder.write_frame(&half).expect("a frame");
    let all = vec![2; usize::from(width) * usize::from(height)];
    let all = gif::Frame::from_indexed_pixels(width, height, all, None);
    encoder.write_frame(&all).expect("a frame");
    drop(encoder);
    bytes
}

/// The pixels of a preview as RGBA.
pub(crate) fn pixels(preview: &Preview) -> Vec<[u8; 4]> {
    let (data, channels) = if preview.format == Format::Jpeg {
        let mut decoder = jpeg_decoder::Decoder::new(preview.bytes.as_slice());
        let data = decoder.decode().expect("a JPEG");
        let channels = decoder.info().expect("a frame").pixel_format.pixel_bytes();
        (data, channels)
    } else {
        let decoder = png::Decoder::new(Cursor::new(&preview.bytes));
        let mut reader = decoder.read_info().expect("a PNG");
        let mut data = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut data).expect("a frame");
        (data, info.color_type.samples())
    };
    data.chunks_exact(channels)
        .map(|pixel| match *pixel {
            [l] => [l, l, l, 255],
            [l, a] => [l, l, l, a],
            [r, g, b] => [r, g, b, 255],
            [r, g, b, a] => [r, g, b, a],
            _ => unreachable!("1 to 4 channels"),
        })
        .collect()
}
