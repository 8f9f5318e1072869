internal import MessageFormat

/// How a command's header is written: the frame's fifth byte.
package enum SerializationType: UInt8, Sendable {
    case json = 0
    case binary = 1
}

/// The version that we speak: the ordinal of RocketMQ 5.3.3 (`remoting.md` §6).
///
/// Clients take a broker's abilities from it, so it is neither 0 nor our own count.
package enum ProtocolVersion {
    package static let current: Int32 = 479
}

/// The bits of a command's `flag`.
package enum CommandFlag {
    package static let response: Int32 = 1
    package static let oneWay: Int32 = 2
}

/// The language that a command's sender says it is written in.
package struct LanguageCode: Hashable, Sendable {
    /// The byte that stands for it in a binary header.
    package var rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let java = Self(rawValue: 0)
    package static let cpp = Self(rawValue: 1)
    package static let other = Self(rawValue: 7)
    package static let go = Self(rawValue: 9)

    /// The text that stands for it in a JSON header. Unknown languages are `OTHER`.
    package var name: String { "\(self.nameOnWire)" }

    var nameOnWire: StaticString {
        Int(self.rawValue) < Self.names.count ? Self.names[Int(self.rawValue)] : "OTHER"
    }

    /// The language of that name; `other` if there is none.
    package init(name: String) {
        var name = name
        self = name.withUTF8 { Self(name: UnsafeRawBufferPointer($0)) }
    }

    package init(name: UnsafeRawBufferPointer) {
        let index = Self.names.firstIndex { PropertyScan.equal(name, $0) }
        self.rawValue = index.map { UInt8($0) } ?? Self.other.rawValue
    }

    private static let names: [StaticString] = [
        "JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO",
        "PHP", "OMS", "RUST", "NODE_JS",
    ]
}
