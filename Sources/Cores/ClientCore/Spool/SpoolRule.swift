/// When a message goes to the spool instead of being reported as failed.
package enum SpoolRule {
    /// Asked when the producer gives a message up: no attempt left, or no time.
    ///
    /// Only what may succeed later is kept; and what may have been stored already only if the user
    /// allows that it is sent again.
    package static func keeps(_ outcome: AttemptOutcome, _ policy: SendPolicy) -> Bool {
        switch outcome {
        case .acknowledged: false
        case .refused(let failure): failure.mayPass
        case .unknown(let failure): failure.mayPass && policy.repeatsUnknown
        }
    }
}

extension AttemptFailure {
    /// `local` is the producer itself, full or shutting down: a message that it did not even try
    /// to send is kept too.
    fileprivate var mayPass: Bool { self.isRetryable || self.kind == .local }
}
