import MessageFormat

// As operators read it in the log.

extension BrokerRole: CustomStringConvertible {
    package var description: String {
        switch self {
        case .alone: "alone"
        case .fenced: "fenced: it has no master and is none"
        case .replica(let epoch): "a replica in epoch \(epoch.value)"
        case .master(let epoch): "the master in epoch \(epoch.value)"
        }
    }
}

extension LogChange: CustomStringConvertible {
    package var description: String {
        switch self {
        case .restart: "nothing is cut off, it is read again"
        case .truncate(let end): "it is cut off at \(end.bytes)"
        case .startOver(_, _, let start): "it starts over, empty, at \(start.bytes)"
        }
    }
}
