/// Time, chance and the order of events of one simulated run.
///
/// Everything happens on one thread, one event after the other; nothing in a world reads a clock, a
/// socket or a file of the machine. One seed is one run.
package final class World {
    package let seed: UInt64
    /// Nanoseconds since the run began, as no node's clock shows them.
    package private(set) var time: Int64 = 0
    package var random: SeededGenerator
    package var trace: Trace
    package var probes = Probes()
    package private(set) var violation: Violation?
    /// What has happened to the machines' clocks.
    package var clocks = Clocks.right
    private var events = EventQueue()

    package enum Clocks: Int, Hashable, Sendable, Comparable {
        case right
        case drifting
        case jumping

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    package init(seed: UInt64, print: ((String) -> Void)? = nil) {
        self.seed = seed
        self.random = SeededGenerator(seed: seed)
        self.trace = Trace(print: print)
    }

    package func after(_ delay: Duration, _ action: @escaping () -> Void) {
        self.at(self.time + delay.wholeNanoseconds, action)
    }

    func at(_ time: Int64, _ action: @escaping () -> Void) {
        self.events.add(at: max(time, self.time), action)
    }

    /// Runs until `deadline`, or until an invariant is broken.
    package func run(until deadline: Int64) {
        while self.violation == nil, let time = self.events.nextTime, time <= deadline,
            let action = self.events.removeNext()
        {
            self.time = time
            self.trace.mix(UInt64(bitPattern: time))
            action()
        }
        if self.violation == nil { self.time = max(self.time, deadline) }
    }

    /// What is still to happen never does: its closures let go of the world's parts.
    package func end() { self.events.removeAll() }

    func say(_ line: @autoclosure () -> String) { self.trace.say(at: self.time, line) }

    /// An invariant is broken: the run is over.
    func violated(_ invariant: Invariant, _ detail: @autoclosure () -> String) {
        guard self.violation == nil else { return }
        let violation = Violation(invariant: invariant, detail: detail(), time: self.time)
        self.violation = violation
        self.say("VIOLATION \(violation)")
    }
}
