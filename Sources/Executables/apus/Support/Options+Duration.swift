import ArgumentParser

/// A length of time on the command line: `30`, `30s`, `5m`, `500ms`.
struct DurationArgument: ExpressibleByArgument, Sendable {
    var duration: Duration

    init?(argument: String) {
        if let seconds = Double(argument), seconds > 0, seconds < 1e7 {
            self.duration = .milliseconds(Int64(seconds * 1000))
        } else if let duration = TimeText.duration(argument), duration > .zero {
            self.duration = duration
        } else {
            return nil
        }
    }

    init(_ duration: Duration) { self.duration = duration }
}
