/// When a message whose consumer failed comes again.
package enum PopRetry {
    /// By how often it was given out before (`flows.md` §13).
    package static let delays: [Duration] = [
        10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200,
    ].map { .seconds($0) }

    package static func delay(after deliveries: Int, of delays: [Duration]) -> Duration {
        guard let last = delays.last else { return .zero }
        return deliveries < delays.count ? delays[max(0, deliveries)] : last
    }
}
