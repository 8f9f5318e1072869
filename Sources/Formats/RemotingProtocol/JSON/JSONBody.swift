/// The body of a command that is one JSON value.
package protocol JSONBody: Sendable {
    init(json: JSONValue) throws(BodyError)
    var json: JSONValue { get }
}

extension JSONBody {
    package init(parsing bytes: UnsafeRawBufferPointer) throws(BodyError) {
        try self.init(json: try JSONValue(parsing: bytes))
    }

    package init(parsing bytes: [UInt8]) throws(BodyError) {
        try self.init(json: try JSONValue(parsing: bytes))
    }

    /// Parses the body of a command.
    package init(bodyOf command: ReceivedCommand) throws(BodyError) {
        let result = command.withBodyBytes { bytes in
            Result { () throws(BodyError) -> Self in try Self(parsing: bytes) }
        }
        self = try result.get()
    }

    package var encoded: [UInt8] { self.json.encoded }
}

// What the parsers of bodies ask for. Missing collections are empty; a missing scalar has its
// reader's default, or is an error.
extension JSONValue {
    func requiredText(_ field: String) throws(BodyError) -> String {
        guard let value = self[field] else { throw .missing(field: field) }
        guard let text = value.text else { throw .wrongType(field: field, expected: "a text") }
        return text
    }

    func int32(_ field: String, default standard: Int32) throws(BodyError) -> Int32 {
        guard let value = self[field] else { return standard }
        guard let number = value.int32 else {
            throw .wrongType(field: field, expected: "a 32-bit integer")
        }
        return number
    }

    func int64(_ field: String, default standard: Int64) throws(BodyError) -> Int64 {
        guard let value = self[field] else { return standard }
        guard let number = value.int64 else {
            throw .wrongType(field: field, expected: "a 64-bit integer")
        }
        return number
    }

    func bool(_ field: String, default standard: Bool) throws(BodyError) -> Bool {
        guard let value = self[field] else { return standard }
        guard let isTrue = value.boolean else {
            throw .wrongType(field: field, expected: "a boolean")
        }
        return isTrue
    }

    func elements(_ field: String) throws(BodyError) -> [JSONValue] {
        guard let value = self[field] else { return [] }
        guard let elements = value.elements else {
            throw .wrongType(field: field, expected: "an array")
        }
        return elements
    }

    func members(_ field: String) throws(BodyError) -> [JSONMember] {
        guard let value = self[field] else { return [] }
        guard let members = value.members else {
            throw .wrongType(field: field, expected: "an object")
        }
        return members
    }

    func texts(_ field: String) throws(BodyError) -> [String] {
        try Self.map(try self.elements(field)) { value throws(BodyError) -> String in
            guard let text = value.text else {
                throw .wrongType(field: field, expected: "an array of texts")
            }
            return text
        }
    }

    /// Text to text; members that are null are left out.
    func textTable(_ field: String) throws(BodyError) -> [String: String] {
        var table: [String: String] = [:]
        for member in try self.members(field) where member.value != .null {
            guard let text = member.value.text else {
                throw .wrongType(field: field, expected: "a table of texts")
            }
            table[member.name] = text
        }
        return table
    }

    /// `map` keeps the error's type.
    static func map<T, R>(
        _ items: [T], _ transform: (T) throws(BodyError) -> R
    ) throws(BodyError) -> [R] {
        var results: [R] = []
        results.reserveCapacity(items.count)
        for item in items { results.append(try transform(item)) }
        return results
    }

    static func textTable(_ table: [String: String]) -> JSONValue {
        .sorted(table.mapValues { .string($0) })
    }
}
