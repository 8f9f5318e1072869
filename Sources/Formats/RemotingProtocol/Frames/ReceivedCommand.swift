package import NIOCore

/// A frame that was received.
///
/// Its fields are references into the header's bytes; nothing is built until asked for.
package struct ReceivedCommand: Sendable {
    /// The bytes behind the frame's length: header word, header, body.
    let frame: ByteBuffer
    let header: ScannedHeader
    private let bodyAt: Int
    package let serialization: SerializationType

    package init(frame: ByteBuffer) throws(FrameError) {
        let frameCount = frame.readableBytes
        guard let word = frame.getInteger(at: frame.readerIndex, as: UInt32.self) else {
            throw .wrongLength(frameCount)
        }
        let headerCount = Int(word & 0xFF_FFFF)
        guard headerCount <= frameCount - 4 else {
            throw .wrongHeaderLength(bytes: headerCount, frameBytes: frameCount)
        }
        guard let serialization = SerializationType(rawValue: UInt8(word >> 24)) else {
            throw .unknownSerialization(UInt8(word >> 24))
        }
        self.frame = frame
        self.serialization = serialization
        self.bodyAt = 4 + headerCount
        let range = 4..<self.bodyAt
        self.header = try frame.withUnsafeReadableBytes {
            bytes throws(FrameError) -> ScannedHeader in
            switch serialization {
            case .json: try JSONHeaderScanner.scan(bytes, range)
            case .binary: try BinaryHeaderScanner.scan(bytes, range)
            }
        }
    }

    package var code: Int32 { self.header.code }
    package var language: LanguageCode { self.header.language }
    package var version: Int32 { self.header.version }
    package var opaque: Int32 { self.header.opaque }
    package var flag: Int32 { self.header.flag }
    package var isResponse: Bool { self.header.flag & CommandFlag.response != 0 }
    /// The sender waits for no answer and must not get one, not even an error.
    package var isOneWay: Bool { self.header.flag & CommandFlag.oneWay != 0 }
    package var requestCode: RequestCode { RequestCode(rawValue: self.header.code) }
    package var responseCode: ResponseCode { ResponseCode(rawValue: self.header.code) }

    package var remark: String? {
        self.header.remark.map { reference in
            self.frame.withUnsafeReadableBytes { Self.text(of: reference, in: $0) }
        }
    }

    /// Shares the memory of the frame.
    package var body: ByteBuffer {
        let count = self.frame.readableBytes - self.bodyAt
        return self.frame.getSlice(at: self.frame.readerIndex + self.bodyAt, length: count)
            ?? ByteBuffer()
    }

    /// What it takes up in memory.
    package var frameCount: Int { self.frame.readableBytes }

    package var bodyCount: Int { self.frame.readableBytes - self.bodyAt }

    package func withBodyBytes<R>(_ use: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try self.frame.withUnsafeReadableBytes {
            try use(UnsafeRawBufferPointer(rebasing: $0[self.bodyAt...]))
        }
    }

    /// Every field in the order of the header, as text.
    package var allFields: [(name: String, value: String)] {
        self.frame.withUnsafeReadableBytes { bytes in
            self.header.fields.map { reference in
                let name = reference.name(in: bytes)
                return (
                    name: reference.nameForm == .plain
                        ? String(decoding: name, as: UTF8.self)
                        : String(decoding: JSONText.unescaped(name), as: UTF8.self),
                    value: Self.text(of: reference, in: bytes)
                )
            }
        }
    }
}

// Access to one field's bytes.
extension ReceivedCommand {
    /// Calls `use` with the resolved bytes of the field's value; nil if there is no such field.
    /// A name that occurs twice counts with its last value.
    func withField<R, E: Error>(
        _ name: StaticString, _ use: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R? {
        try self.frame.withUnsafeReadableBytes { bytes throws(E) -> R? in
            guard let reference = self.reference(name, in: bytes) else { return nil }
            let value = reference.value(in: bytes)
            guard reference.valueForm == .escaped else { return try use(value) }
            let resolved = JSONText.unescaped(value)
            return try resolved.withUnsafeBufferPointer { bytes throws(E) -> R in
                try use(UnsafeRawBufferPointer(bytes))
            }
        }
    }

    private func reference(
        _ name: StaticString, in bytes: UnsafeRawBufferPointer
    ) -> FieldReference? {
        self.header.lastIndex(of: name, in: bytes).map { self.header.fields[$0] }
    }

    private static func text(
        of reference: FieldReference, in bytes: UnsafeRawBufferPointer
    ) -> String {
        let value = reference.value(in: bytes)
        return reference.valueForm == .plain
            ? String(decoding: value, as: UTF8.self)
            : String(decoding: JSONText.unescaped(value), as: UTF8.self)
    }
}
