/// How much a name server keeps, and what it refuses.
///
/// Anybody who reaches the port can register, so everything that a registration adds has a bound.
/// The bounds are far above what a large cluster needs and keep the worst case in the hundreds of
/// megabytes.
package struct RoutingLimits: Hashable, Sendable {
    package var brokersMax = 4_096
    package var topicsMax = 100_000
    /// Shares: one for each topic on each broker group.
    package var sharesMax = 1_000_000
    /// Clients build a list of that many queues.
    package var queuesMax: Int32 = 65_536
    package var nameBytesMax = 255

    package var silenceDefault = Duration.seconds(120)
    package var silenceMin = Duration.seconds(1)
    package var silenceMax = Duration.seconds(3_600)
    /// More time than that between two calls of `advance` means that this process was stopped.
    package var pauseMax = Duration.seconds(5)

    /// For all of `KeyValueConfig`: any answer about it fits into one frame.
    package var settingsBytesMax = 4 << 20

    package init() {}

    /// The silence after which a broker counts as dead, from what it asked for.
    package func silence(asked milliseconds: Int64?) -> Duration {
        guard let milliseconds, milliseconds > 0 else { return self.silenceDefault }
        return min(max(.milliseconds(milliseconds), self.silenceMin), self.silenceMax)
    }

    /// What is wrong with a name or an address, or nil.
    ///
    /// Topics, clusters and brokers are named by their owners, so this refuses only what could
    /// damage others: some clients find the parts of a route by splitting its text.
    package func problem(with name: String) -> String? {
        let count = name.utf8.count
        if count == 0 { return "is empty" }
        if count > self.nameBytesMax {
            return "has \(count) bytes, at most \(self.nameBytesMax) are allowed"
        }
        guard name.utf8.allSatisfy(Self.isHarmless) else {
            return "has a blank, a control character or one of \" \\ , ; { }"
        }
        return nil
    }

    private static func isHarmless(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, 0x7F: false
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: ","), UInt8(ascii: ";"),
            UInt8(ascii: "{"), UInt8(ascii: "}"):
            false
        default: true
        }
    }
}
