/// A JSON value, for bodies: the places where a few microseconds do not matter.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    /// In the order of the text; a name that occurs twice counts with its last value.
    case object([JSONMember])
}

/// A name and its value in a JSON object.
package struct JSONMember: Hashable, Sendable {
    /// The text of the name; of a name that is no text (`{0:…}`, `{{…}:…}`), its JSON.
    package var name: String
    package var value: JSONValue
    /// Whether the name is written without quotes, as RocketMQ writes numbers and objects.
    package var isBare: Bool

    package init(_ name: String, _ value: JSONValue, isBare: Bool = false) {
        self.name = name
        self.value = value
        self.isBare = isBare
    }
}

// Reading leniently: clients write numbers as texts and texts as numbers.
extension JSONValue {
    /// The value under `name`; nil if there is none, or null, or this is no object.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self,
            let member = members.last(where: { $0.name == name }), member.value != .null
        else { return nil }
        return member.value
    }

    package var members: [JSONMember]? {
        if case .object(let members) = self { members } else { nil }
    }

    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The text of a text, number or boolean.
    package var text: String? {
        switch self {
        case .string(let text): text
        case .integer(let number): String(number)
        case .double(let number): "\(number)"
        case .bool(let isTrue): isTrue ? "true" : "false"
        case .null, .array, .object: nil
        }
    }

    package var int64: Int64? {
        switch self {
        case .integer(let number): number
        case .double(let number): Int64(exactly: number)
        case .string(let text): Int64(text)
        case .null, .bool, .array, .object: nil
        }
    }

    package var int32: Int32? { self.int64.flatMap { Int32(exactly: $0) } }

    package var double: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .double(let number): number
        case .string(let text): Double(text)
        case .null, .bool, .array, .object: nil
        }
    }

    package var boolean: Bool? {
        switch self {
        case .bool(let isTrue): isTrue
        case .string(let text): text.lowercased() == "true"
        case .null, .integer, .double, .array, .object: nil
        }
    }
}

// Building.
extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByFloatLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(nilLiteral: ()) { self = .null }

    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { JSONMember($0.0, $0.1) })
    }

    package static func strings(_ texts: [String]) -> JSONValue {
        .array(texts.map { .string($0) })
    }

    /// An object whose members are sorted by name.
    package static func sorted(_ table: [String: JSONValue]) -> JSONValue {
        .object(table.sorted { $0.key < $1.key }.map { JSONMember($0.key, $0.value) })
    }
}
