package import MessageFormat

/// A connection as the engine numbers it. Numbers are never used twice in one run.
package struct ConnectionKey: Hashable, Comparable, Sendable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// A client that takes part in a group through one connection.
package struct GroupMember: Hashable, Sendable {
    package var connection: ConnectionKey
    package var clientID: String
    /// The wire's language code.
    package var language: UInt8
    package var version: Int32
    /// `ip:port` of the client's end, for operators.
    package var address: String
    /// The last heartbeat.
    package var lastSeen: Tick

    package init(
        connection: ConnectionKey, clientID: String, language: UInt8 = 0, version: Int32 = 0,
        address: String = "", lastSeen: Tick = .zero
    ) {
        self.connection = connection
        self.clientID = clientID
        self.language = language
        self.version = version
        self.address = address
        self.lastSeen = lastSeen
    }
}

/// How long clients may stay silent, and how much one connection may ask for.
package struct MembershipLimits: Hashable, Sendable {
    /// RocketMQ's clients send a heartbeat every 30 s.
    package var silenceMax = Duration.seconds(120)
    package var groupsPerConnectionMax = 4_096
    package var subscriptionsPerGroupMax = 4_096

    package init() {}
}
