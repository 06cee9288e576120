//! Schemas and data of any kind: nothing panics, and a stricter reading only refuses more.

use proptest::prelude::*;

use super::*;

fn any_json() -> impl Strategy<Value = String> {
    let keywords = prop::sample::select(vec![
        "type",
        "const",
        "enum",
        "items",
        "prefixItems",
        "additionalItems",
        "contains",
        "minContains",
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "required",
        "dependencies",
        "dependentSchemas",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "$ref",
        "$dynamicRef",
        "$id",
        "$anchor",
        "$dynamicAnchor",
        "$schema",
        "$defs",
        "unevaluatedItems",
        "unevaluatedProperties",
        "minimum",
        "multipleOf",
        "maxLength",
        "uniqueItems",
        "pattern",
        "a",
    ]);
    let scalar = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "2.0",
        "-1",
        "1e3",
        r##""#""##,
        r##""#a""##,
        r##""#/$defs/a""##,
        r#""a""#,
        r#""string""#,
        r#""(a""#,
        r#""http://json-schema.org/draft-07/schema#""#,
    ]);
    scalar.prop_map(str::to_owned).prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(keywords.clone(), inner, 0..5).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn no_schema_and_no_data_make_it_panic(schema in any_json(), data in any_json()) {
        for unknown in [UnknownFields::Allow, UnknownFields::Refuse] {
            if let Ok(contract) = compile_with(&schema, Limits { steps: 10_000, ..Limits::DEFAULT }, unknown) {
                let _ = check(&contract, &data);
            }
        }
    }

    #[test]
    fn refusing_unknown_fields_never_lets_more_pass(schema in any_json(), data in any_json()) {
        if let Ok(contract) = compile(&schema)
            && check(&contract, &data).is_err()
        {
            let refusing = compile_with(&schema, Limits::DEFAULT, UnknownFields::Refuse).unwrap();
            prop_assert!(check(&refusing, &data).is_err());
        }
    }

    #[test]
    fn decimals_compare_and_divide_as_integers_do(one: i64, other in -1000_i64..1000, divisor in 1_i64..1000, scale in 0_u32..6) {
        // The same number, with its point moved to the left.
        let moved = |number: i64| format!("{number}.{}e-{scale}", "0".repeat(3));
        let (a, b) = (moved(one), moved(other));
        prop_assert_eq!(Decimal::of(&a).cmp(Decimal::of(&b)), one.cmp(&other));
        let by = Divisor::of(Decimal::of(&moved(divisor))).unwrap();
        prop_assert_eq!(Decimal::of(&a).is_multiple_of(by), one % divisor == 0);
        prop_assert_eq!(Decimal::of(&a).is_integer(), one % 10_i64.pow(scale) == 0);
    }
}
