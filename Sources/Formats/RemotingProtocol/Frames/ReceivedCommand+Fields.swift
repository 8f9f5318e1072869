// Typed access to header fields. An empty text counts as absent for everything but `string`: the
// C++ client writes "" where others leave a field out.
extension ReceivedCommand {
    /// Nil if the field is absent or JSON's null.
    package func string(_ name: StaticString) -> String? {
        self.withField(name) { bytes throws(Never) in String(decoding: bytes, as: UTF8.self) }
    }

    package func nonEmptyString(_ name: StaticString) -> String? {
        guard let text = self.string(name), !text.isEmpty else { return nil }
        return text
    }

    package func int32(_ name: StaticString) throws(HeaderFieldError) -> Int32? {
        try self.integer(name, as: Int32.self)
    }

    package func int64(_ name: StaticString) throws(HeaderFieldError) -> Int64? {
        try self.integer(name, as: Int64.self)
    }

    /// `true` in any case is true, and so is `1`; any other text is false.
    package func bool(_ name: StaticString) throws(HeaderFieldError) -> Bool? {
        let value = self.withField(name) { bytes throws(Never) -> Bool? in
            bytes.isEmpty ? nil : DecimalText.boolean(bytes)
        }
        return value ?? nil
    }

    package func requiredString(_ name: StaticString) throws(HeaderFieldError) -> String {
        try Self.required(self.string(name), name)
    }

    package func requiredInt32(_ name: StaticString) throws(HeaderFieldError) -> Int32 {
        try Self.required(try self.int32(name), name)
    }

    package func requiredInt64(_ name: StaticString) throws(HeaderFieldError) -> Int64 {
        try Self.required(try self.int64(name), name)
    }

    package func requiredBool(_ name: StaticString) throws(HeaderFieldError) -> Bool {
        try Self.required(try self.bool(name), name)
    }

    private func integer<T: FixedWidthInteger & SignedInteger>(
        _ name: StaticString, as type: T.Type
    ) throws(HeaderFieldError) -> T? {
        let value = try self.withField(name) { bytes throws(HeaderFieldError) -> T? in
            if bytes.isEmpty { return nil }
            guard let value = DecimalText.integer(bytes, as: T.self) else {
                throw HeaderFieldError(
                    field: "\(name)", problem: "is not an integer of \(T.bitWidth) bits")
            }
            return value
        }
        return value ?? nil
    }

    private static func required<T>(
        _ value: T?, _ name: StaticString
    ) throws(HeaderFieldError) -> T {
        guard let value else { throw HeaderFieldError(field: "\(name)", problem: "is missing") }
        return value
    }
}
