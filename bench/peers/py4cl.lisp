;;;; sbcl --script py4cl.lisp DIRECTORY SECONDS NAME...: measures py4cl of that directory, at least so long each, and prints
;;;; a line "NAME seconds-of-one repetitions" each. Its dependencies come from Quicklisp or from where ASDF finds them.
;;;; Both spellings of its functions are known: pycall (digikar99's) and python-call (bendudson's).

(require :asdf)
(let ((quicklisp (merge-pathnames "quicklisp/setup.lisp" (user-homedir-pathname))))
  (when (probe-file quicklisp) (load quicklisp)))

(defvar *arguments* (rest sb-ext:*posix-argv*))
(push (truename (concatenate 'string (first *arguments*) "/")) asdf:*central-registry*)
(let ((*standard-output* *error-output*)) (asdf:load-system "py4cl"))

(defun named (&rest names)
  (some (lambda (name)
          (let ((symbol (find-symbol name "PY4CL")))
            (when (and symbol (fboundp symbol)) symbol)))
        names))

(defvar *call* (named "PYCALL" "PYTHON-CALL"))
(defvar *exec* (named "RAW-PYEXEC" "PYTHON-EXEC"))
(defvar *seconds* (let ((*read-eval* nil)) (read-from-string (second *arguments*))))

(defun now () (/ (get-internal-real-time) internal-time-units-per-second))

;; What one of them takes; each call of operation makes as many as it says.
(defun seconds-of-one (operation)
  (funcall operation)
  (loop with start = (now)
        with made = 0
        do (incf made (funcall operation))
        when (>= (- (now) start) *seconds*)
          return (values (float (/ (- (now) start) made) 1d0) made)))

(defun call-int ()
  (loop repeat 100 do (funcall *call* "int" "5"))
  100)

(defun callback ()
  (funcall *call* "bench_loop" (lambda (i) (* 2 i)) 100)
  100)

(defun array-over (size)
  (let ((array (make-array (floor size 8) :element-type 'double-float :initial-element 1d0)))
    (lambda ()
      (funcall *call* "len" array)
      1)))

(defun operation (name)
  (cond ((string= name "call") #'call-int)
        ((string= name "callback") #'callback)
        (t (array-over (parse-integer name :start (1+ (position #\/ name)))))))

(funcall *exec* "def bench_loop(f, n):
    for i in range(n):
        f(i)
")
(dolist (name (cddr *arguments*))
  (multiple-value-bind (seconds made) (seconds-of-one (operation name))
    (format t "~a ~,9f ~d~%" name seconds made)
    (finish-output)))
