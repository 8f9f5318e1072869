private import MessageFormat

/// Several messages in the body of one send (`messages.md` §5). Topic, queue and everything else
/// that they share stands in the request's header.
///
/// | bytes | field of a member |
/// | --- | --- |
/// | 4 | size, these bytes included |
/// | 4, 4 | magic and checksum, both 0 |
/// | 4 | flag |
/// | 4 + n | body |
/// | 2 + n | properties |
package enum MessageBatch {
    /// A member with no body and no properties.
    package static let memberBytesMin = 22

    /// One message of a batch, borrowed from the batch's bytes.
    package struct Member {
        package var flag: Int32
        package var body: UnsafeRawBufferPointer
        package var properties: UnsafeRawBufferPointer
    }

    /// Appends a member.
    package static func append(
        to bytes: inout [UInt8], flag: Int32 = 0, body: UnsafeRawBufferPointer,
        properties: UnsafeRawBufferPointer
    ) {
        precondition(
            properties.count <= MessageLayout.propertiesBytesMax,
            "properties have 16 bits of length")
        bytes.append(bigEndian: Int32(Self.memberBytesMin + body.count + properties.count))
        bytes.append(bigEndian: Int64(0))
        bytes.append(bigEndian: flag)
        bytes.append(bigEndian: Int32(body.count))
        bytes.append(contentsOf: body)
        bytes.append(bigEndian: Int16(properties.count))
        bytes.append(contentsOf: properties)
    }

    package static func append(
        to bytes: inout [UInt8], flag: Int32 = 0, body: [UInt8], properties: [UInt8]
    ) {
        body.withUnsafeBytes { body in
            properties.withUnsafeBytes { properties in
                Self.append(to: &bytes, flag: flag, body: body, properties: properties)
            }
        }
    }

    /// The members of a batch's body, in order.
    package static func members(of bytes: UnsafeRawBufferPointer) throws(BodyError) -> [Member] {
        var members: [Member] = []
        var reader = Reader(bytes)
        while let member = try reader.next() { members.append(member) }
        return members
    }

    /// Reads one member after the other; every length is checked against the end.
    package struct Reader {
        private let bytes: UnsafeRawBufferPointer
        private var at = 0

        package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        /// Nil at the end of the batch.
        package mutating func next() throws(BodyError) -> Member? {
            let left = self.bytes.count - self.at
            if left == 0 { return nil }
            guard left >= MessageBatch.memberBytesMin else {
                throw self.malformed("\(left) bytes are no message")
            }
            let size = Int(self.bytes.bigEndian(Int32.self, at: self.at))
            guard size >= MessageBatch.memberBytesMin, size <= left else {
                throw self.malformed("a message of \(size) bytes")
            }
            let flag = self.bytes.bigEndian(Int32.self, at: self.at + 12)
            let bodyCount = Int(self.bytes.bigEndian(Int32.self, at: self.at + 16))
            guard bodyCount >= 0, bodyCount <= size - MessageBatch.memberBytesMin else {
                throw self.malformed("a message body of \(bodyCount) bytes")
            }
            let bodyAt = self.at + 20
            let propertiesAt = bodyAt + bodyCount + 2
            let propertiesCount = Int(self.bytes.bigEndian(Int16.self, at: bodyAt + bodyCount))
            guard propertiesAt + propertiesCount == self.at + size else {
                throw self.malformed("message properties of \(propertiesCount) bytes")
            }
            self.at += size
            return Member(
                flag: flag, body: self.bytes.slice(bodyAt..<(bodyAt + bodyCount)),
                properties: self.bytes.slice(propertiesAt..<self.at))
        }

        private func malformed(_ problem: String) -> BodyError {
            .malformed(at: self.at, problem: problem)
        }
    }
}
