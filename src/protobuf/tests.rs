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
