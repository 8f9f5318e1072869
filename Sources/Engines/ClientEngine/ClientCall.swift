package import ClientCore
internal import MessageFormat
package import RemotingProtocol

/// Names one call from its start to its end.
package struct CallToken: Hashable, Comparable, Sendable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// A request that an engine wants to be sent. Its end is reported back with the token, always:
/// an answer, or why there is none.
package struct ClientCall: Hashable, Sendable {
    package var token: CallToken
    package var address: String
    package var command: RemotingCommand
    package var timeout: Duration
}

/// A call that ended without an answer.
package struct CallFailure: Error, Hashable, Sendable {
    package var failure: AttemptFailure
    /// False only if the peer certainly never saw the request.
    package var requestWasSent: Bool

    package init(_ failure: AttemptFailure, requestWasSent: Bool) {
        self.failure = failure
        self.requestWasSent = requestWasSent
    }
}

package typealias CallResult = Result<ReceivedCommand, CallFailure>

/// Gives out tokens.
struct TokenCounter: Sendable {
    private var last: UInt64 = 0

    mutating func next() -> CallToken {
        self.last += 1
        return CallToken(self.last)
    }
}

extension [Tick?] {
    /// The earliest of what is there.
    var earliest: Tick? { self.lazy.compactMap(\.self).min() }
}
