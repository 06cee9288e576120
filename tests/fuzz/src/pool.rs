//! Descriptor sets, as another reader has them.

use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// The set in another reader, which panics where it does not know the syntax, and where the entry of a map lacks its key or value.
#[must_use]
pub fn pool(set: &[u8]) -> Option<DescriptorPool> {
    let files = FileDescriptorSet::decode(set).ok()?.file;
    let is_known = |file: &FileDescriptorProto| matches!(file.syntax(), "" | "proto2" | "proto3");
    fn has_whole_maps(message: &DescriptorProto) -> bool {
        let is_entry = message.options.as_ref().is_some_and(|options| options.map_entry());
        let has = |number| message.field.iter().any(|field| field.number() == number);
        (!is_entry || (has(1) && has(2))) && message.nested_type.iter().all(has_whole_maps)
    }
    let is_read = |file: &FileDescriptorProto| is_known(file) && file.message_type.iter().all(has_whole_maps);
    files.iter().all(is_read).then(|| DescriptorPool::decode(set).ok())?
}
