internal import MessageFormat
internal import NIOCore

/// Writes a frame's length, header word and header straight into a buffer's memory.
///
/// The room is reserved once, from an upper bound of the header's size; every write checks it.
struct HeadWriter {
    private let out: UnsafeMutableRawBufferPointer
    private var count: Int

    static func write(
        _ serialization: SerializationType, bodyCount: Int, countMax: Int,
        into buffer: inout ByteBuffer, _ header: (inout Self) -> Void
    ) {
        // One reservation for head and body: the caller appends the body next.
        buffer.reserveCapacity(minimumWritableBytes: 8 + countMax + bodyCount)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 8 + countMax) {
            out throws(Never) -> Int in
            var writer = Self(out: out, count: 8)
            header(&writer)
            var type = serialization
            if writer.count - 8 >= 1 << 24 {
                // What a peer sent may be quoted here: too much of it costs the peer its answer,
                // never us the process.
                writer = Self(out: out, count: 8)
                writer.text(#"{"code":1,"flag":1,"remark":"the answer's header is too long"}"#)
                type = .json
            }
            let headerCount = writer.count - 8
            out.store(bigEndian: UInt32(4 + headerCount + bodyCount), at: 0)
            out.store(bigEndian: UInt32(type.rawValue) << 24 | UInt32(headerCount), at: 4)
            return writer.count
        }
    }

    mutating func text(_ text: StaticString) {
        let bytes = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        self.append(bytes)
    }

    mutating func plain(_ text: String) {
        var text = text
        text.withUTF8 { self.append(UnsafeRawBufferPointer($0)) }
    }

    /// The inside of a JSON text.
    mutating func escaped(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            guard JSONText.needsEscape(UnsafeRawBufferPointer(bytes)) else {
                return self.append(UnsafeRawBufferPointer(bytes))
            }
            for byte in bytes {
                if JSONText.escapedCount(byte) == 1 {
                    self.append(byte)
                } else {
                    JSONText.escape(byte) { self.append($0) }
                }
            }
        }
    }

    /// The id's text.
    mutating func hexadecimal(_ id: OffsetMessageID) {
        id.storeHost.withIPBytes { for byte in $0 { self.hexadecimal(byte) } }
        withUnsafeBytes(of: id.storeHost.port.bigEndian) {
            for byte in $0 { self.hexadecimal(byte) }
        }
        withUnsafeBytes(of: id.physicalOffset.bytes.bigEndian) {
            for byte in $0 { self.hexadecimal(byte) }
        }
    }

    private mutating func hexadecimal(_ byte: UInt8) {
        self.reserve(2)
        self.out[self.count] = Self.digit(byte >> 4)
        self.out[self.count &+ 1] = Self.digit(byte & 15)
        self.count &+= 2
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "A") &+ value &- 10
    }

    mutating func decimal(_ value: Int64) {
        if value < 0 { self.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let digits = Self.digits(of: rest)
        self.reserve(digits)
        var at = self.count &+ digits
        repeat {
            at &-= 1
            let (more, digit) = rest.quotientAndRemainder(dividingBy: 10)
            self.out[at] = 0x30 &+ UInt8(truncatingIfNeeded: digit)
            rest = more
        } while rest > 0
        self.count += digits
    }

    private static func digits(of value: UInt64) -> Int {
        var digits = 1
        var next: UInt64 = 10
        while digits < 19, value >= next {
            next &*= 10
            digits &+= 1
        }
        return value >= 10_000_000_000_000_000_000 ? 20 : digits
    }

    mutating func integer<T: FixedWidthInteger>(_ value: T) {
        self.reserve(MemoryLayout<T>.size)
        self.out.store(bigEndian: value, at: self.count)
        self.count += MemoryLayout<T>.size
    }

    /// What follows `code` and `extFields`.
    mutating func jsonTail(
        flag: Int32, language: LanguageCode, opaque: Int32, remark: String?, version: Int32
    ) {
        self.text(",\"flag\":")
        self.decimal(Int64(flag))
        self.text(",\"language\":\"")
        self.text(language.nameOnWire)
        self.text("\",\"opaque\":")
        self.decimal(Int64(opaque))
        if let remark {
            self.text(",\"remark\":\"")
            self.escaped(remark)
            self.text("\"")
        }
        self.text(",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":")
        self.decimal(Int64(version))
        self.text("}")
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        self.reserve(bytes.count)
        self.out.copy(bytes, at: self.count)
        self.count += bytes.count
    }

    private mutating func append(_ byte: UInt8) {
        self.reserve(1)
        self.out[self.count] = byte
        self.count += 1
    }

    @inline(__always)
    private func reserve(_ count: Int) {
        precondition(self.count + count <= self.out.count, "a header outgrew its bound")
    }
}
