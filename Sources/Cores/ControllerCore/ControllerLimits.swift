package import MessageFormat

/// How much controllers keep, and what they refuse.
///
/// Anybody who reaches the port can ask for an id, so everything that a request adds has a bound.
/// They are part of the state machine: every controller of a group must have the same ones.
package enum ControllerLimits {
    package static let groupsMax = 1_000
    package static let brokersMax = 64
    package static let controllersMax = 9
    package static let nameBytesMax = 255
    package static let addressBytesMax = 255
    package static let checkCodeBytesMax = 512
    /// Ids are never given out twice, so a group that is cleaned forever runs out of them.
    package static let brokerIDMax: Int64 = 1 << 31 - 1
    /// Up to this a broker may come back with an id that nobody knows of: ids remain behind it.
    package static let returningBrokerIDMax: Int64 = 1 << 20
    /// The wire has 31 bits for an epoch; what lies above is left for operators to notice.
    package static let epochMax = Epoch(1 << 31 - 2)
    /// The highest epoch of a log that controllers without a memory of its group believe.
    package static let foreignEpochMax = Epoch(1 << 30)
    /// Epochs that controllers without a memory leave out: brokers that are heard later may have seen
    /// some that nobody else tells of.
    package static let recoveryEpochGap: UInt32 = 1_000

    /// What is wrong with the name of a broker group or a cluster, or nil.
    package static func problem(withName name: String) -> String? {
        ResourceName.problem(withGroup: name)
    }

    /// What is wrong with `host:port`, or nil.
    package static func problem(withAddress address: String) -> String? {
        guard address.utf8.count <= Self.addressBytesMax else {
            return "an address has at most \(Self.addressBytesMax) bytes"
        }
        let isPlain = address.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "\"")
        }
        guard isPlain, let colon = address.lastIndex(of: ":"), colon != address.startIndex,
            let port = UInt16(address[address.index(after: colon)...]), port > 0
        else { return "an address is a host, a colon and a port" }
        return nil
    }
}
