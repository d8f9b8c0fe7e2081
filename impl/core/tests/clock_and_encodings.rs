//! The clock never goes back (T1–T3), and encodings read back and sort like what they encode.

use proptest::collection::vec;
use proptest::prelude::*;
use splitjob_core::clock::HybridClock;
use splitjob_core::key::{
    DecodeError, decode_f64s, decode_i64s, decode_len32, decode_seg01, decode_uvarint, encode_f64s, encode_i64s,
    encode_len32, encode_seg01, encode_uvarint,
};
use splitjob_core::timestamp::{PhysicalMs, Timestamp};

/// What can be asked of a clock.
#[derive(Clone, Debug)]
enum Call {
    Next(PhysicalMs),
    NextFenced(PhysicalMs),
    Batch(u32, PhysicalMs),
    BatchFenced(u32, PhysicalMs),
    Observe(Timestamp),
    Ceiling(PhysicalMs),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_timestamp_is_above_all_that_were_issued_or_observed(calls in vec(call(), 0..40)) {
        let mut clock = HybridClock::new();
        let mut greatest = Timestamp::ZERO;
        for call in calls {
            let before = clock.clone();
            let issued = match call {
                Call::Next(wall) => clock.next(wall).map(|ts| (ts, ts)),
                Call::NextFenced(wall) => clock.next_fenced(wall).map(|ts| (ts, ts)),
                Call::Batch(count, wall) => clock.next_batch(count, wall).map(|batch| (batch.first(), batch.last())),
                Call::BatchFenced(count, wall) => {
                    clock.next_batch_fenced(count, wall).map(|batch| (batch.first(), batch.last()))
                }
                Call::Observe(ts) => {
                    if clock.observe(ts).is_ok() {
                        greatest = greatest.max(ts);
                    }
                    continue;
                }
                Call::Ceiling(ceiling) => {
                    clock.set_physical_ceiling(ceiling);
                    continue;
                }
            };
            let Ok((first, last)) = issued else {
                prop_assert_eq!(&clock, &before, "a refusal changes nothing");
                continue;
            };
            prop_assert!(first > greatest, "{first} isn't above {greatest}");
            prop_assert_eq!(first.physical(), last.physical());
            prop_assert!(last < Timestamp::MAX);
            if let Call::NextFenced(wall) | Call::BatchFenced(_, wall) = call {
                let ceiling = clock.physical_ceiling().expect("a fenced timestamp needs a ceiling");
                prop_assert!(wall < ceiling && last.physical() <= ceiling);
            }
            if let Call::Batch(count, _) | Call::BatchFenced(count, _) = call {
                prop_assert_eq!(last.raw() - first.raw() + 1, u64::from(count));
            }
            greatest = last;
        }
    }

    #[test]
    fn encodings_read_back_and_leave_the_rest(
        bytes in vec(prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()], 0..20),
        number in any::<u64>(),
        bits in 0..64_u32,
        signed in any::<i64>(),
        float in any::<f64>(),
        rest in vec(any::<u8>(), 0..4),
    ) {
        let small = number >> bits;
        let encoded = |encode: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            encode(&mut out);
            out.extend(&rest);
            out
        };
        let input = encoded(&|out| encode_seg01(&bytes, out));
        prop_assert_eq!(decode_seg01(&input), Ok((bytes.clone(), &rest[..])));
        let input = encoded(&|out| encode_len32(&bytes, out));
        prop_assert_eq!(decode_len32(&input), Ok((&bytes[..], &rest[..])));
        let input = encoded(&|out| encode_uvarint(small, out));
        prop_assert_eq!(decode_uvarint(&input), Ok((small, &rest[..])));
        let input = encoded(&|out| encode_i64s(signed, out));
        prop_assert_eq!(decode_i64s(&input), Ok((signed, &rest[..])));
        let input = encoded(&|out| encode_f64s(float, out));
        let (decoded, left) = decode_f64s(&input).expect("its own encoding reads back");
        prop_assert_eq!(left, &rest[..]);
        prop_assert!(decoded == float || decoded.to_bits() == float.to_bits());
    }

    #[test]
    fn encodings_sort_like_what_they_encode(
        left in (vec(prop_oneof![Just(0), Just(1), Just(0xff)], 0..5), any::<i64>(), any::<f64>()),
        right in (vec(prop_oneof![Just(0), Just(1), Just(0xff)], 0..5), any::<i64>(), any::<f64>()),
    ) {
        fn encoded<T: ?Sized>(value: &T, encode: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
            let mut out = Vec::new();
            encode(value, &mut out);
            out
        }
        let segment = |bytes: &[u8]| encoded(bytes, encode_seg01);
        let integer = |number: i64| encoded(&number, |number, out| encode_i64s(*number, out));
        let float = |number: f64| encoded(&number, |number, out| encode_f64s(*number, out));
        prop_assert_eq!(segment(&left.0).cmp(&segment(&right.0)), left.0.cmp(&right.0));
        prop_assert_eq!(integer(left.1).cmp(&integer(right.1)), left.1.cmp(&right.1));
        if let Some(order) = left.2.partial_cmp(&right.2) {
            prop_assert_eq!(float(left.2).cmp(&float(right.2)), order);
        }
    }

    #[test]
    fn whatever_decodes_is_what_the_encoder_writes(input in vec(prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()], 0..24)) {
        fn canonical<T>(
            input: &[u8],
            decoded: Result<(T, &[u8]), DecodeError>,
            encode: impl Fn(T, &mut Vec<u8>),
        ) -> Result<(), TestCaseError> {
            if let Ok((value, rest)) = decoded {
                let mut out = Vec::new();
                encode(value, &mut out);
                out.extend(rest);
                prop_assert_eq!(out, input);
            }
            Ok(())
        }
        canonical(&input, decode_seg01(&input), |bytes, out| encode_seg01(&bytes, out))?;
        canonical(&input, decode_len32(&input), encode_len32)?;
        canonical(&input, decode_uvarint(&input), encode_uvarint)?;
        canonical(&input, decode_i64s(&input), encode_i64s)?;
        canonical(&input, decode_f64s(&input), encode_f64s)?;
    }
}

fn call() -> impl Strategy<Value = Call> {
    let wall = || {
        prop_oneof![9 => 0..20_u64, 1 => Just(PhysicalMs::MAX.get() - 1)]
            .prop_map(|ms| PhysicalMs::new(ms).expect("at most the greatest"))
    };
    let count = || prop_oneof![0..5_u32, 65_530..65_540_u32];
    let observed = prop_oneof![
        9 => (0..20_u64, prop_oneof![0..3_u64, 65_533..65_536_u64]).prop_map(|(ms, logical)| ms << 16 | logical),
        1 => u64::MAX - 3..=u64::MAX,
    ];
    prop_oneof![
        wall().prop_map(Call::Next),
        wall().prop_map(Call::NextFenced),
        (count(), wall()).prop_map(|(count, wall)| Call::Batch(count, wall)),
        (count(), wall()).prop_map(|(count, wall)| Call::BatchFenced(count, wall)),
        observed.prop_map(|raw| Call::Observe(Timestamp::from_raw(raw))),
        wall().prop_map(Call::Ceiling),
    ]
}
