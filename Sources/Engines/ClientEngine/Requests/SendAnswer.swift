package import ClientCore
import MessageFormat
import RemotingProtocol

/// How an attempt to send ended.
package enum SendAnswer: Hashable, Sendable {
    case acknowledged(SendAcknowledgement)
    case failed(AttemptOutcome)

    package init(_ result: CallResult) {
        switch result {
        case .failure(let failure):
            self = .failed(
                AttemptOutcome(
                    failure: failure.failure, requestWasSent: failure.requestWasSent))
        case .success(let command) where command.code == SendCode.success:
            do {
                self = .acknowledged(try SendAcknowledgement(command))
            } catch {
                // It says that it stored the message, but not where.
                let failure = AttemptFailure(.answered(code: command.code), reason: "\(error)")
                self = .failed(.unknown(failure))
            }
        case .success(let command):
            self = .failed(
                AttemptOutcome(
                    responseCode: command.code,
                    remark: command.remark ?? command.responseCode.name))
        }
    }
}
