/// What happened, as a running hash, and as lines when somebody wants to read them.
///
/// Two runs of one seed have the same hash, or something in them took chance from elsewhere.
package struct Trace {
    package private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    package private(set) var events: UInt64 = 0
    private let print: ((String) -> Void)?

    init(print: ((String) -> Void)?) { self.print = print }

    var isPrinting: Bool { self.print != nil }

    mutating func mix(_ value: UInt64) {
        self.events += 1
        self.hash = (self.hash ^ value) &* 0x0000_0100_0000_01B3
        self.hash ^= self.hash >> 29
    }

    mutating func say(at time: Int64, _ line: () -> String) {
        guard let print = self.print else { return }
        let microseconds = time / 1_000
        let fraction = String(microseconds % 1_000_000)
        let padding = String(repeating: "0", count: 6 - fraction.count)
        print("\(microseconds / 1_000_000).\(padding)\(fraction) \(line())")
    }
}
