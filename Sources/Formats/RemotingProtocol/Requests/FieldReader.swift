/// Reads the fields of one kind of request, each by its number, while the frame's bytes are at hand.
///
/// At most 16 fields; finding them all first keeps a request with one-letter names to one pass.
struct FieldReader {
    private let bytes: UnsafeRawBufferPointer
    private let fields: [FieldReference]
    private let names: [StaticString]
    private var places = SIMD16<Int16>(repeating: -1)

    /// Finds fields by their names.
    init(_ header: ScannedHeader, in bytes: UnsafeRawBufferPointer, names: [StaticString]) {
        self.bytes = bytes
        self.fields = header.fields
        self.names = names
        for (number, name) in names.enumerated() {
            if let place = header.lastIndex(of: name, in: bytes) {
                self.places[number] = Int16(truncatingIfNeeded: place)
            }
        }
    }

    /// Finds fields named by single letters, `a` for the first. `names` are for errors.
    init(letters header: ScannedHeader, in bytes: UnsafeRawBufferPointer, names: [StaticString]) {
        self.bytes = bytes
        self.fields = header.fields
        self.names = names
        var place: Int16 = 0
        for field in header.fields {
            if field.nameCount == 1 {
                let number = Int(bytes[Int(field.nameAt)]) - Int(UInt8(ascii: "a"))
                if number >= 0, number < names.count { self.places[number] = place }
            }
            place += 1
        }
    }

    func has(_ number: Int) -> Bool { self.places[number] >= 0 }

    /// An empty text counts as absent.
    func text(_ number: Int) -> String? {
        guard let field = self.field(number) else { return nil }
        return field.valueForm == .plain
            ? String(decoding: field.value(in: self.bytes), as: UTF8.self)
            : String(decoding: JSONText.unescaped(field.value(in: self.bytes)), as: UTF8.self)
    }

    func bytes(_ number: Int) -> [UInt8]? {
        guard let field = self.field(number) else { return nil }
        return field.valueForm == .plain
            ? Array(field.value(in: self.bytes)) : JSONText.unescaped(field.value(in: self.bytes))
    }

    func bool(_ number: Int) -> Bool? {
        self.field(number).map { DecimalText.boolean($0.value(in: self.bytes)) }
    }

    func integer<T: FixedWidthInteger & SignedInteger>(
        _ number: Int, as type: T.Type = T.self
    ) throws(HeaderFieldError) -> T? {
        guard let field = self.field(number) else { return nil }
        guard let value = DecimalText.integer(field.value(in: self.bytes), as: T.self) else {
            throw HeaderFieldError(
                field: "\(self.names[number])", problem: "is not an integer of \(T.bitWidth) bits")
        }
        return value
    }

    func requiredText(_ number: Int) throws(HeaderFieldError) -> String {
        guard self.has(number) else { throw self.missing(number) }
        return self.text(number) ?? ""
    }

    func requiredInteger<T: FixedWidthInteger & SignedInteger>(
        _ number: Int, as type: T.Type = T.self
    ) throws(HeaderFieldError) -> T {
        guard let value = try self.integer(number, as: T.self) else { throw self.missing(number) }
        return value
    }

    private func field(_ number: Int) -> FieldReference? {
        let place = self.places[number]
        guard place >= 0 else { return nil }
        let field = self.fields[Int(place)]
        return field.valueCount > 0 ? field : nil
    }

    private func missing(_ number: Int) -> HeaderFieldError {
        HeaderFieldError(field: "\(self.names[number])", problem: "is missing")
    }
}
