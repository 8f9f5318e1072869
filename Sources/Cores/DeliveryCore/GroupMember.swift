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
    /// After how much silence the client itself wants to be given up. Nil: it did not say.
    package var lease: Duration?

    package init(
        connection: ConnectionKey, clientID: String, language: UInt8 = 0, version: Int32 = 0,
        address: String = "", lastSeen: Tick = .zero, lease: Duration? = nil
    ) {
        self.connection = connection
        self.clientID = clientID
        self.language = language
        self.version = version
        self.address = address
        self.lastSeen = lastSeen
        self.lease = lease
    }

    /// About how much memory it takes with what belongs to it.
    var bytes: Int { 512 + self.clientID.utf8.count + self.address.utf8.count }

    /// When it is given up if nothing more is heard of it. Leases begin anew at `awake`: until then
    /// heartbeats may have lain unread.
    func silentAt(after silenceMax: Duration, awake: Tick) -> Tick {
        let latest = self.lastSeen + silenceMax
        return self.lease.map { min(latest, max(self.lastSeen, awake) + $0) } ?? latest
    }
}

/// A member that was given up because nothing was heard of it.
package struct SilentMember: Hashable, Sendable {
    package var group: String
    package var connection: ConnectionKey
}

/// How long clients may stay silent, and how much one connection may ask for.
package struct MembershipLimits: Hashable, Sendable {
    /// RocketMQ's clients send a heartbeat every 30 s.
    package var silenceMax = Duration.seconds(120)
    /// Shorter leases would end between two heartbeats.
    package var leaseMin = Duration.seconds(1)
    /// A broker to which no time passed for so long was itself stalled.
    package var stallMin = Duration.seconds(1)
    package var groupsPerConnectionMax = 4_096
    package var subscriptionsPerGroupMax = 4_096
    /// What all clients together may say of themselves, about so much memory. Beyond, who is known
    /// stays, and nobody new is taken in.
    package var bytesMax = 64 << 20

    package init() {}
}
