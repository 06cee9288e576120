use super::*;

#[test]
fn the_places_of_known_messages_are_those_of_their_names() {
    for (place, name) in [
        (known::PUBLISH_REQUEST, "google.pubsub.v1.PublishRequest"),
        (known::CLOUD_EVENT, "io.cloudevents.v1.CloudEvent"),
        (known::CLOUD_EVENT_BATCH, "io.cloudevents.v1.CloudEventBatch"),
        (known::DAPR_PUBLISH, "dapr.proto.runtime.v1.PublishEventRequest"),
        (known::DAPR_BULK_PUBLISH, "dapr.proto.runtime.v1.BulkPublishRequest"),
        (known::FILE_SET, "google.protobuf.FileDescriptorSet"),
    ] {
        assert_eq!(known::SCHEMA.get(place).unwrap().name, name);
    }
}

#[test]
fn known_messages_name_known_messages_and_have_their_fields_in_order() {
    for message in known::SCHEMA.types {
        assert!(message.fields.windows(2).all(|pair| pair[0].number < pair[1].number), "{}", message.name);
        for field in message.fields.iter() {
            assert_eq!(message.field(field.number), Some(field));
            if let Kind::Message(inner) = field.kind {
                let inner = known::SCHEMA.get(inner).unwrap();
                assert_eq!(field.label == Label::Map, inner.name.starts_with("map<"), "{}.{}", message.name, field.name);
            }
        }
    }
}

/// Of a `PublishRequest` with so many empty messages; each is two bytes.
fn publish(count: usize, limits: Limits<'_>) -> Result<Message<'static>, MessageError> {
    let wire: &'static [u8] = b"\x12\x00".repeat(count).leak();
    known::SCHEMA.decode(known::PUBLISH_REQUEST, wire, limits)
}

fn publish_json(count: usize, limits: Limits<'_>) -> Result<(), MessageError> {
    let text = format!(r#"{{"messages":[{}]}}"#, vec!["{}"; count].join(","));
    let document = crate::json::Document::parse(text.as_bytes(), 8).unwrap();
    known::SCHEMA.decode_json(known::PUBLISH_REQUEST, document.root(), Any::No, limits).map(|_| ())
}

#[test]
fn a_message_has_no_more_values_than_it_costs_little_to_keep() {
    const MOST: usize = 1 << 16;
    let limits = Limits::depth(8);
    assert_eq!(publish(MOST, limits).unwrap().messages(2).count(), MOST);
    let error = publish(MOST + 1, limits).unwrap_err();
    assert_eq!((error.place.as_str(), error.to_string().as_str()), ("", "a message with more than 65536 values"));
    assert!(publish_json(MOST, limits).is_ok());
    assert_eq!(publish_json(MOST + 1, limits).unwrap_err().to_string(), error.to_string());
    // A larger message has room for an eighth of its bytes: one value more makes this one longer by its two bytes.
    let long = |count: usize| {
        let data = [b"\x12\x85\x80\x80\x01\x0a\x80\x80\x80\x01".as_slice(), &vec![0; 1 << 21]].concat();
        let wire = [data, b"\x12\x00".repeat(count)].concat();
        known::SCHEMA.decode(known::PUBLISH_REQUEST, &wire, limits).map(|_| ()).map_err(|error| error.to_string())
    };
    // Two bytes a value, two values for the data: n + 2 <= (2^21 + 10 + 2n) / 8.
    let most = ((1 << 21) + 10 - 16) / 6;
    assert_eq!((long(most), long(most + 1).is_ok()), (Ok(()), false));
}

#[test]
fn what_is_inside_a_message_counts_too_and_numbers_that_are_not_kept_do_not() {
    // A message with an attribute, of which the entry, its key and its value count: four values.
    let message = b"\x12\x08\x12\x06\x0a\x01a\x12\x01b";
    let read = |count: usize| known::SCHEMA.decode(known::PUBLISH_REQUEST, &message.repeat(count), Limits::depth(8)).is_ok();
    assert_eq!((read(16_384), read(16_385)), (true, false));
}

#[test]
fn events_are_counted_before_they_are_read() {
    let limits = Limits { depth: 8, events: Some((&[2], 3)) };
    assert!(publish(3, limits).is_ok() && publish_json(3, limits).is_ok());
    let too_many = Err(Problem::TooMany { limit: 3 });
    assert_eq!(publish(4, limits).map(|_| ()).map_err(|error| error.problem), too_many);
    assert_eq!(publish_json(4, limits).map_err(|error| error.problem), too_many);
    let broken = [b"\x12\x00".repeat(3), b"\x12\x01\xff".to_vec()].concat();
    assert_eq!(
        known::SCHEMA.decode(known::PUBLISH_REQUEST, &broken, limits).map(|_| ()).map_err(|error| error.problem),
        too_many
    );
    let elsewhere = Limits { events: Some((&[1, 2], 3)), ..limits };
    assert!(publish(4, elsewhere).is_ok(), "another list");
}
