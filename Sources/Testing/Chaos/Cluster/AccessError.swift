package import RemotingProtocol
package import RemotingTransport

/// Why a call to a name server or a broker brought no result.
package enum AccessError: Error, Sendable {
    /// The server did not answer.
    case unreachable(RemotingError)
    /// The server answered that it will not.
    case refused(ResponseCode, remark: String, by: String)
    /// The server's answer cannot be read.
    case unreadable(problem: String, from: String)
    /// No name server knows the topic.
    case noRoute(topic: String)
    /// The topic has no master broker that could take the request.
    case noMaster(topic: String)
}

extension AccessError {
    /// The broker has the message, but not as it was.
    package var isOfDamage: Bool {
        guard case .refused(.systemError, let remark, _) = self else { return false }
        return remark.contains("damaged on disk")
    }

    /// Whether the server may have done what was asked of it.
    package var mayHaveTakenEffect: Bool {
        switch self {
        case .unreachable(let error): error.requestWasSent
        case .unreadable: true
        case .refused, .noRoute, .noMaster: false
        }
    }

    package var responseCode: ResponseCode? {
        if case .refused(let code, _, _) = self { code } else { nil }
    }
}

extension AccessError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreachable(let error): "\(error)"
        case .refused(let code, let remark, let address):
            "\(address) answers \(code.name)" + (remark.isEmpty ? "" : ": \(remark)")
        case .unreadable(let problem, let address): "\(address) answers nonsense: \(problem)"
        case .noRoute(let topic): "no name server knows topic \(topic)"
        case .noMaster(let topic): "no master broker serves topic \(topic)"
        }
    }
}
