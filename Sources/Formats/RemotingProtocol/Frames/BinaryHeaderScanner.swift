private import MessageFormat

/// Finds the fields of a binary header (serialization 1).
///
/// | bytes | field |
/// | --- | --- |
/// | 2, 1, 2, 4, 4 | code, language, version, opaque, flag |
/// | 4 + n | remark, none if n is 0 |
/// | 4 | bytes of all fields |
/// | 2 + n, 4 + n | name and value, repeated |
struct BinaryHeaderScanner {
    private static let fixedCount = 21

    private let frame: UnsafeRawBufferPointer
    private let end: Int
    private var at: Int

    static func scan(
        _ frame: UnsafeRawBufferPointer, _ range: Range<Int>
    ) throws(FrameError) -> ScannedHeader {
        var scanner = Self(frame: frame, end: range.upperBound, at: range.lowerBound)
        return try scanner.header()
    }

    private mutating func header() throws(FrameError) -> ScannedHeader {
        guard self.end - self.at >= Self.fixedCount else {
            throw .malformedHeader(at: self.at, problem: "shorter than its fixed part")
        }
        var header = ScannedHeader()
        let start = self.at
        header.code = Int32(self.frame.bigEndian(Int16.self, at: start))
        header.language = LanguageCode(rawValue: self.frame[start + 2])
        header.version = Int32(self.frame.bigEndian(Int16.self, at: start + 3))
        header.opaque = self.frame.bigEndian(Int32.self, at: start + 5)
        header.flag = self.frame.bigEndian(Int32.self, at: start + 9)
        self.at = start + 13
        let remark = try self.take(try self.length(Int32.self, of: "remark"), "remark")
        if !remark.isEmpty { header.remark = Self.reference(name: remark, value: remark) }
        let fieldsCount = try self.length(Int32.self, of: "fields")
        guard fieldsCount == self.end - self.at else {
            throw .malformedHeader(at: self.at, problem: "fields of \(fieldsCount) bytes")
        }
        try self.fields(into: &header)
        return header
    }

    private mutating func fields(into header: inout ScannedHeader) throws(FrameError) {
        if self.at < self.end { header.fields.reserveCapacity(16) }
        while self.at < self.end {
            guard header.fields.count < ScannedHeader.fieldsMax else {
                throw .tooManyFields(limit: ScannedHeader.fieldsMax)
            }
            let name = try self.take(try self.length(Int16.self, of: "name"), "name")
            let value = try self.take(try self.length(Int32.self, of: "value"), "value")
            header.fields.append(Self.reference(name: name, value: value))
        }
    }

    private mutating func length<T: FixedWidthInteger>(
        _ type: T.Type, of field: StaticString
    ) throws(FrameError) -> Int {
        let bytes = try self.take(MemoryLayout<T>.size, field)
        return Int(self.frame.bigEndian(T.self, at: bytes.lowerBound))
    }

    private mutating func take(
        _ count: Int, _ field: StaticString
    ) throws(FrameError) -> Range<Int> {
        guard count >= 0, count <= self.end - self.at else {
            throw .malformedHeader(at: self.at, problem: "\(field) of \(count) bytes")
        }
        defer { self.at += count }
        return self.at..<(self.at + count)
    }

    private static func reference(name: Range<Int>, value: Range<Int>) -> FieldReference {
        FieldReference(
            nameAt: UInt32(name.lowerBound), valueAt: UInt32(value.lowerBound),
            valueCount: UInt32(value.count), nameCount: UInt16(clamping: name.count),
            nameForm: .plain, valueForm: .plain)
    }
}
