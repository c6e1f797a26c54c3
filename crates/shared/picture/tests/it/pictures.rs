//! Size, orientation, colours, transparency, profile and metadata.

use jpeg_encoder::{ColorType, SamplingFactor};
use png::BitDepth;
use slipway_picture::{Format, MAX_BYTES, Preview, Reason, preview};

use crate::make::{CORNERS, Jpeg, animated, gif, pixels, png, quarters, webp};

/// The indices in [`CORNERS`] of the colours that the corners have, from the upper left, clockwise.
fn corners(preview: &Preview) -> Vec<usize> {
    let pixels = pixels(preview);
    let (width, height) = (preview.width as usize, preview.height as usize);
    let (left, right) = (width / 8, width - 1 - width / 8);
    let (top, bottom) = (height / 8, height - 1 - height / 8);
    [(left, top), (right, top), (right, bottom), (left, bottom)]
        .into_iter()
        .map(|(x, y)| {
            let [r, g, b, _] = pixels[y * width + x];
            let is_near = |colour: &[u8; 3]| {
                let near = |(a, b): (&u8, u8)| a.abs_diff(b) < 14;
                colour.iter().zip([r, g, b]).all(near)
            };
            let found = CORNERS.iter().position(is_near);
            found.unwrap_or_else(|| panic!("({x}, {y}) is {:?}", [r, g, b]))
        })
        .collect()
}

#[track_caller]
fn made(file: &[u8]) -> Preview {
    let made = preview(file).expect("a preview");
    assert!(made.width <= 512 && made.height <= 512);
    assert_eq!(pixels(&made).len(), (made.width * made.height) as usize);
    // The place in the metadata of every generated file.
    let has = |text: &[u8]| made.bytes.windows(text.len()).any(|part| part == text);
    assert!(!has(b"GPS48") && !has(b"Exif") && !has(b"tEXt"));
    made
}

#[test]
fn the_longer_side_has_512_pixels_and_nothing_is_enlarged() {
    for (width, height, expected) in [
        (1, 1, (1, 1)),
        (512, 512, (512, 512)),
        (513, 1, (512, 1)),
        (1, 9000, (1, 512)),
        (1024, 512, (512, 256)),
        (1000, 3000, (171, 512)),
        (4000, 3000, (512, 384)),
        (4096, 4095, (512, 512)),
        (60_000, 3, (512, 1)),
    ] {
        for progressive in [false, true] {
            let file = Jpeg {
                progressive,
                ..Jpeg::default()
            }
            .quarters(width, height);
            let made = made(&file);
            assert_eq!((made.width, made.height), expected, "{width} by {height}");
        }
        let file = webp_or_png(width, height);
        let made = made(&file);
        assert_eq!((made.width, made.height), expected, "{width} by {height}");
    }
}

fn webp_or_png(width: u32, height: u32) -> Vec<u8> {
    let data = quarters(width, 1);
    png(width, height, png::ColorType::Rgb, BitDepth::Eight, |_| {
        data.clone()
    })
}

#[test]
fn the_orientation_is_applied() {
    // The stored corner that each corner shows, and whether the sides are exchanged.
    for (orientation, expected) in [
        (1, [0, 1, 2, 3]),
        (2, [1, 0, 3, 2]),
        (3, [2, 3, 0, 1]),
        (4, [3, 2, 1, 0]),
        (5, [0, 3, 2, 1]),
        (6, [3, 0, 1, 2]),
        (7, [2, 1, 0, 3]),
        (8, [1, 2, 3, 0]),
    ] {
        for (width, height) in [(80, 60), (1600, 1200)] {
            let file = Jpeg {
                orientation,
                ..Jpeg::default()
            }
            .quarters(width, height);
            let made = made(&file);
            assert_eq!(corners(&made), expected, "orientation {orientation}");
            assert_eq!(made.width < made.height, orientation >= 5);
        }
    }
    let file = webp(&quarters(80, 60), image_webp::ColorType::Rgb8, 80, 60);
    assert_eq!(corners(&made(&file)), [3, 0, 1, 2]);
}

#[test]
fn every_kind_of_jpeg_has_its_colours() {
    let (width, height) = (1500, 900);
    for sampling in [
        SamplingFactor::R_4_4_4,
        SamplingFactor::R_4_2_2,
        SamplingFactor::R_4_2_0,
    ] {
        for progressive in [false, true] {
            let jpeg = Jpeg {
                progressive,
                sampling,
                ..Jpeg::default()
            };
            let made = made(&jpeg.quarters(width, height));
            assert_eq!(corners(&made), [0, 1, 2, 3], "{sampling:?} {progressive}");
            assert_eq!(made.format, Format::Jpeg);
        }
    }
    // Inks as Adobe stores them.
    let inks: Vec<u8> = quarters(width, height)
        .chunks_exact(3)
        .flat_map(|rgb| [255 - rgb[0], 255 - rgb[1], 255 - rgb[2], 0])
        .collect();
    for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let jpeg = Jpeg {
            sampling: SamplingFactor::R_4_4_4,
            ..Jpeg::default()
        };
        let made = made(&jpeg.of(&inks, kind, width, height));
        assert_eq!(corners(&made), [0, 1, 2, 3], "{kind:?}");
    }
    let gray = vec![77; (width * height) as usize];
    let made = made(&Jpeg::default().of(&gray, ColorType::Luma, width, height));
    assert!(pixels(&made).iter().all(|pixel| pixel[0].abs_diff(77) < 3));
}

#[test]
fn every_kind_of_png_has_its_colours() {
    use png::ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    let (width, height) = (1200, 40);
    let row = |pixel: &[u8]| pixel.repeat(width as usize);
    for (kind, depth, row, expected) in [
        (Rgb, BitDepth::Eight, row(&[9, 99, 199]), [9, 99, 199, 255]),
        (
            Rgb,
            BitDepth::Sixteen,
            row(&[9, 1, 99, 2, 199, 3]),
            [9, 99, 199, 255],
        ),
        (
            Rgba,
            BitDepth::Eight,
            row(&[9, 99, 199, 255]),
            [9, 99, 199, 255],
        ),
        (
            Rgba,
            BitDepth::Eight,
            row(&[10, 100, 200, 128]),
            [10, 100, 200, 128],
        ),
        (
            Rgba,
            BitDepth::Sixteen,
            row(&[10, 9, 100, 8, 200, 7, 128, 6]),
            [10, 100, 200, 128],
        ),
        (Grayscale, BitDepth::Eight, row(&[88]), [88, 88, 88, 255]),
        (
            Grayscale,
            BitDepth::One,
            vec![0xff; 150],
            [255, 255, 255, 255],
        ),
        (
            Grayscale,
            BitDepth::Sixteen,
            row(&[88, 250]),
            [88, 88, 88, 255],
        ),
        (
            GrayscaleAlpha,
            BitDepth::Eight,
            row(&[88, 40]),
            [88, 88, 88, 40],
        ),
        (
            Indexed,
            BitDepth::Two,
            vec![0b0101_0101; 300],
            [30, 200, 40, 255],
        ),
        (Indexed, BitDepth::Eight, row(&[2]), [40, 50, 220, 255]),
        (Indexed, BitDepth::Eight, row(&[3]), [0, 0, 0, 0]),
    ] {
        let made = made(&png(width, height, kind, depth, |_| row.clone()));
        let [.., alpha] = expected;
        assert_eq!(
            made.format == Format::Png,
            alpha < 255,
            "{kind:?} {depth:?}"
        );
        let far = |pixel: &[u8; 4]| pixel.iter().zip(expected).any(|(a, b)| a.abs_diff(b) > 4);
        assert_eq!(
            pixels(&made).iter().find(|pixel| far(pixel)),
            None,
            "{kind:?} {depth:?} {expected:?}"
        );
    }
}

/// A pixel that is not seen has no weight, whatever its colour is.
#[test]
fn transparent_pixels_do_not_bleed() {
    let row = [[255, 0, 0, 255], [0, 255, 0, 0]].concat().repeat(1000);
    let made = made(&png(
        2000,
        64,
        png::ColorType::Rgba,
        BitDepth::Eight,
        |_| row.clone(),
    ));
    assert_eq!(made.format, Format::Png);
    for [r, g, b, a] in pixels(&made) {
        assert!(
            r > 250 && g < 5 && b < 5 && a.abs_diff(128) < 16,
            "{:?}",
            [r, g, b, a]
        );
    }
}

#[test]
fn the_first_frame_of_an_animation_is_shown() {
    for side in [64, 1200] {
        let made = made(&gif(side, side));
        assert_eq!(made.format, Format::Png);
        let (pixels, width) = (pixels(&made), made.width as usize);
        assert_eq!(pixels[width * width / 2 + width / 8][3], 0);
        assert_eq!(
            pixels[width * width / 2 + width * 7 / 8][..],
            [30, 200, 40, 255]
        );
    }
    let data = [200, 100, 50, 255].repeat(800 * 20);
    let made = made(&animated(&data, 800, 20));
    assert_eq!(
        (made.width, made.height, made.format),
        (512, 13, Format::Jpeg)
    );
    assert!(
        pixels(&made)
            .iter()
            .all(|pixel| pixel[0].abs_diff(200) < 5 && pixel[2].abs_diff(50) < 8)
    );
}

#[test]
fn the_profile_is_kept() {
    for (length, is_kept) in [(3000_u32, true), (64 * 1024, true), (64 * 1024 + 1, false)] {
        let profile: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let jpeg = Jpeg {
            profile: Some(profile.clone()),
            ..Jpeg::default()
        };
        let made = made(&jpeg.quarters(900, 700));
        let mut decoder = jpeg_decoder::Decoder::new(made.bytes.as_slice());
        decoder.decode().expect("a JPEG");
        let expected = is_kept.then_some(profile);
        assert!(decoder.icc_profile() == expected, "{length} bytes");
    }
}

#[test]
fn a_png_may_be_wider_than_a_jpeg() {
    for (width, height, expected) in [(70_000, 500, (512, 4)), (262_144, 256, (512, 1))] {
        let row = vec![77; width as usize];
        let file = png(
            width,
            height,
            png::ColorType::Grayscale,
            BitDepth::Eight,
            |_| row.clone(),
        );
        let made = made(&file);
        assert_eq!((made.width, made.height), expected);
        assert!(pixels(&made).iter().all(|[r, ..]| r.abs_diff(77) < 3));
    }
}

#[test]
fn everything_else_has_a_reason() {
    let jpeg = Jpeg::default().quarters(64, 64);
    let renamed = |bytes: &[u8]| [bytes, &jpeg[3..]].concat();
    for file in [
        &b""[..],
        b"\xff\xd8",
        b"<html><img src=x>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"BM\x9a\0\0\0",
        b"II*\0\x08\0\0\0",
        &renamed(b"%PD"),
    ] {
        assert_eq!(preview(file), Err(Reason::NotAPicture));
    }
    let long = vec![0; usize::try_from(MAX_BYTES).expect("a length") + 1];
    assert_eq!(preview(&long), Err(Reason::TooLarge));
    let wide = png(
        262_145,
        1,
        png::ColorType::Grayscale,
        BitDepth::Eight,
        |_| vec![0; 262_145],
    );
    assert_eq!(preview(&wide), Err(Reason::TooLarge));
    let vast = png(
        60_000,
        1200,
        png::ColorType::Grayscale,
        BitDepth::One,
        |_| vec![0; 7500],
    );
    assert_eq!(preview(&vast), Err(Reason::TooLarge));
}

#[test]
fn a_file_that_was_cut_off_is_broken() {
    let (width, height) = (300, 200);
    let data = quarters(width, height);
    let files = [
        Jpeg::default().quarters(width, height),
        Jpeg {
            progressive: true,
            ..Jpeg::default()
        }
        .quarters(width, height),
        png(width, height, png::ColorType::Rgb, BitDepth::Eight, |_| {
            quarters(width, 1)
        }),
        webp(&data, image_webp::ColorType::Rgb8, width, height),
    ];
    for file in files {
        assert!(preview(&file).is_ok());
        for part in 1..40 {
            let cut = &file[..file.len() * part / 40];
            assert!(
                preview(cut).is_err(),
                "{part} of 40 of {:?}",
                Format::of(&file)
            );
        }
    }
    // The second frame of an animation may be missing.
    let file = gif(600, 400);
    for part in 1..12 {
        assert!(
            preview(&file[..file.len() * part / 40]).is_err(),
            "{part} of 40"
        );
    }
}
